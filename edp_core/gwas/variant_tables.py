"""Which variants a genotype file holds: .bim and .pvar, line by line."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from edp_core.errors import InputError
from edp_core.gwas.genome import chromosome_name, off_the_end
from edp_core.gwas.incoming.builds import OTHER, SENTINELS, Build, Witness

CHROMOSOMES = {
    **{str(number): number for number in range(1, 27)},
    **{"X": 23, "Y": 24, "XY": 25, "PAR1": 25, "PAR2": 25, "M": 26, "MT": 26},
}
"""Code of a chromosome, without ``chr`` → its number."""
NO_CHROMOSOME = "variant on no chromosome from 1 to 22, X, Y, XY or MT"
NO_POSITION = "variant without a position"
NO_ALLELES = "variant whose alleles are not two known ones"
REPEATED = "variant with the position and alleles of one before it"
ALLELE = r"[A-Za-z0-9]+"
_COLUMNS = ("chrom", "id", "pos", "effect_allele", "other_allele")
_TYPED = ("pos", "id", "effect_allele", "other_allele")


def read_variants(path: Path) -> pd.DataFrame:
    """Variants of a .bim, .pvar or .pvar.zst file, in its order.

    Returns
    -------
    pandas.DataFrame
        One row for each variant of the file: ``chrom`` (int8; 0 where it is none of
        `CHROMOSOMES`), ``pos`` (int32 bp, counted from 1; below 1 where it is not
        known), ``id``, ``effect_allele`` and ``other_allele`` (text). The effect
        allele is the one that is counted: the fifth column of a .bim, ALT of a .pvar;
        of several ALT it holds all, with commas.

    Raises
    ------
    InputError
        Where the file cannot be read or a line is not as it should be; the message
        names the line.
    """
    text, skipped, header = _opened(path)
    if header is None:
        # .bim: columns between tabs or spaces
        places = dict(zip(_COLUMNS, (0, 1, 3, 4, 5), strict=True))
        width = 6
        if b" " in text:
            lines = re.sub(rb"(?m)^[ \t]+|[ \t]+\r?$", b"", text)
            text = re.sub(rb"[ \t]+", b"\t", lines)
    else:
        names = ("#CHROM", "ID", "POS", "ALT", "REF")
        lacking = [name for name in names if name not in header]
        if lacking:
            raise InputError(
                f"The header of {path.name} has no column {', '.join(lacking)}",
                "write it again with plink2 --make-just-pvar",
            )
        places = {k: header.index(n) for k, n in zip(_COLUMNS, names, strict=True)}
        width = len(header)
    return _typed(_columns(path, text, places, width=width, skipped=skipped))


def _columns(
    path: Path, text: bytes, places: dict[str, int], *, width: int, skipped: int
) -> pd.DataFrame:
    """Columns as text; every line has the same number of them."""
    wrong: list[int] = []

    def note(row: csv.InvalidRow) -> str:
        wrong.append(row.number)
        return "skip"

    if not text:
        return pd.DataFrame({name: pd.Series(dtype=str) for name in places})
    named = [str(number) for number in range(width)]
    wanted = {named[at]: pa.string() for at in places.values()}
    try:
        table = csv.read_csv(
            io.BytesIO(text),
            # by one thread, else lines have no numbers
            read_options=csv.ReadOptions(column_names=named, use_threads=False),
            parse_options=csv.ParseOptions(
                delimiter="\t",
                quote_char=False,
                ignore_empty_lines=False,
                invalid_row_handler=note,
            ),
            convert_options=csv.ConvertOptions(
                column_types=wanted,
                include_columns=list(wanted),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowException as error:
        raise InputError(
            f"{path.name} is no text of columns", "give the .bim or .pvar unchanged"
        ) from error
    found = table.to_pandas()
    raw = pd.DataFrame({name: found[named[at]] for name, at in places.items()})
    # an empty line has been given empty cells
    wrong += (np.flatnonzero(raw["chrom"] == "") + 1 + len(wrong)).tolist()
    if wrong:
        others = f" ({len(wrong)} such lines)" if len(wrong) > 1 else ""
        raise InputError(
            f"Line {skipped + wrong[0]} of {path.name} has not {width} columns{others}",
            "give the file unchanged, or write it again with plink2",
        )
    pos = pd.to_numeric(raw["pos"], errors="coerce").to_numpy(float)
    bad = ~(np.abs(pos) < 2**31) | (pos != np.floor(pos))
    if bad.any():
        raise InputError(
            f"Line {skipped + 1 + int(np.argmax(bad))} of {path.name} has no whole "
            f"number as its position ({int(bad.sum())} such lines)",
            "give the file unchanged, or write it again with plink2",
        )
    return raw.assign(pos=pos.astype(np.int32))


def usable(
    variants: pd.DataFrame, *, build: Build, name: str
) -> tuple[np.ndarray, Counter[str]]:
    """Rows of a table of variants that can be tested, in order of their positions.

    Parameters
    ----------
    variants
        As `read_variants` gives them, of one file or several after one another.
    build
        The build they are said to be of.
    name
        What to call the files in an error.

    Returns
    -------
    rows
        (n_kept,) int64, sorted by chromosome and position, then as in the file.
    notes
        Reason → how many were left out; and how many of chromosomes 1 to 22 have none.

    Raises
    ------
    InputError
        Where positions are of another build, or nothing is left.
    """
    notes: Counter[str] = Counter()
    chrom, pos = variants["chrom"].to_numpy(), variants["pos"].to_numpy()
    left = np.ones(len(variants), bool)

    def drop(bad: np.ndarray, reason: str) -> None:
        if (bad & left).any():
            notes[reason] = int((bad & left).sum())
            left[bad] = False

    drop(chrom == 0, NO_CHROMOSOME)
    drop(pos < 1, NO_POSITION)
    first, second = variants["effect_allele"], variants["other_allele"]
    known = first.str.fullmatch(ALLELE) & second.str.fullmatch(ALLELE)
    known &= (first != "0") & (second != "0") & (first != second)
    drop(~known.to_numpy(bool), NO_ALLELES)
    _check_build(variants[left], build, name)
    rows = np.flatnonzero(left)
    rows = rows[np.lexsort((rows, pos[rows], chrom[rows]))]
    alleles = variants[["effect_allele", "other_allele"]].iloc[rows]
    swapped = (alleles["effect_allele"] > alleles["other_allele"]).to_numpy(bool)
    key = pd.DataFrame({"chrom": chrom[rows], "pos": pos[rows]})
    for column, other in (alleles.columns, alleles.columns[::-1]):
        key[column] = alleles[column].where(~swapped, alleles[other]).to_numpy()
    twice = key.duplicated().to_numpy(bool)
    if twice.any():
        notes[REPEATED] = int(twice.sum())
        rows = rows[~twice]
    if not len(rows):
        said = "; ".join(f"{reason}: {n}" for reason, n in notes.items())
        raise InputError(
            f"{name} has no usable variant ({said or 'it lists none'})",
            "give the genotypes with positions and alleles",
        )
    missing = sorted(set(range(1, 23)) - set(np.unique(chrom[rows]).tolist()))
    if missing:
        notes[f"chromosome without any variant: {_spans(missing)}"] = len(missing)
    return rows.astype(np.int64), notes


def _check_build(variants: pd.DataFrame, build: Build, name: str) -> None:
    witness = Witness(build)
    chrom, pos = variants["chrom"].to_numpy(), variants["pos"].to_numpy()
    within = witness.lengths(chrom, pos)
    for row in np.flatnonzero(variants["id"].isin(list(SENTINELS)).to_numpy(bool)):
        witness.sentinel(str(variants["id"].iloc[row]), int(chrom[row]), int(pos[row]))
    hint = f"set `build` in [genotypes] to {OTHER[build]}, or write them again"
    if witness.here and witness.there:
        raise InputError(
            f"{name} mixes builds: {witness.here} well-known variants lie where "
            f"{build} has them, {witness.there} where {OTHER[build]} has them",
            "write the genotypes again from one build",
        )
    if witness.there:
        raise InputError(
            f"{name} is of {OTHER[build]}, not of {build}: {witness.there} well-known "
            "variants lie where that build has them",
            hint,
        )
    if not within.all():
        beyond = int((~within).sum())
        if off_the_end(chrom, pos, OTHER[build]).any():
            hint = "lift the positions over: they are of neither build known here"
        first = int(np.argmin(within))
        raise InputError(
            f"{name} is not of {build}: {beyond} of {len(variants)} variants lie "
            "beyond the end of their chromosome, the first on chromosome "
            f"{chromosome_name(int(chrom[first]))} at {int(pos[first])}",
            hint,
        )


def _opened(path: Path) -> tuple[bytes, int, list[str] | None]:
    """What stands below the header, lines passed over, and the header's columns."""
    try:
        if path.suffix == ".zst":
            content = pa.input_stream(str(path), compression="zstd").read()
        else:
            content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read: {error.strerror or 'it is damaged'}",
            f"mend it in {path.parent}",
        ) from error
    skipped = at = 0
    while content.startswith(b"#", at):
        end = content.find(b"\n", at) + 1 or len(content)
        line = content[at:end]
        skipped, at = skipped + 1, end
        if not line.startswith(b"##"):
            names = line.decode("utf-8", "replace").rstrip("\r\n").split("\t")
            return content[at:], skipped, names
    return content[at:], skipped, None


def _typed(raw: pd.DataFrame) -> pd.DataFrame:
    codes, spelt = pd.factorize(raw["chrom"])
    numbers = [CHROMOSOMES.get(_bare(str(name)), 0) for name in spelt]
    chrom = np.array([*numbers, 0], np.int8)[codes]
    return pd.DataFrame({"chrom": chrom} | {name: raw[name] for name in _TYPED})


def _bare(name: str) -> str:
    """A chromosome's code without ``chr`` and leading zeros."""
    return re.sub(r"^(CHR)?0*(?=.)", "", name.upper())


def _spans(numbers: list[int]) -> str:
    """Numbers in words, runs of them joined.

    >>> _spans([1, 2, 3, 7])
    '1–3, 7'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{r[0]}–{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in runs)
