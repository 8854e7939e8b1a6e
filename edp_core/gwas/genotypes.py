"""Opening genotypes of PLINK, bed or pgen, and checking that files belong together.

Several files (one a chromosome) are read as one; all must list the same people. What
is wrong with a file is said before anything is read from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edp_core.errors import InputError
from edp_core.gwas.reader import Form, Reader, Source, open_source
from edp_core.gwas.variant_tables import read_variants
from edp_core.people.samples import Samples, parse_samples

CHROMOSOME = "{chromosome}"
NAMES = (*(str(number) for number in range(1, 23)), "X", "Y", "XY", "MT")
MAGIC = b"\x6c\x1b"
BESIDE = {
    "bed": ((".bim",), (".fam",)),
    "pgen": ((".pvar", ".pvar.zst", ".bim"), (".psam", ".fam")),
}
"""Form → endings of the tables of variants and of people that lie beside a file."""


@dataclass(frozen=True)
class Genotypes:
    """Files of genotypes with their tables.

    Attributes
    ----------
    samples
        Who is genotyped.
    variants
        As `read_variants` gives them, of all files after one another.
    reader
        Reads their dosages.
    files
        Every file that was read: role (``bed``, ``bim/chr1``, …) → path.
    absent
        Chromosomes for which there are no files, where each has its own.
    """

    samples: Samples
    variants: pd.DataFrame
    reader: Reader
    files: Mapping[str, Path]
    absent: tuple[str, ...] = ()

    def read(self, variants: np.ndarray, rows: np.ndarray) -> NDArray[np.float32]:
        """Copies of the effect allele; see `Reader.read`."""
        return self.reader.read(variants, rows)


@dataclass
class _Set:
    """One set of files: genotypes, table of variants, table of people."""

    name: str
    main: Path
    variants: Path
    people: Path


def find_files(prefix: Path, form: Form) -> tuple[list[Path], tuple[str, ...]]:
    """Prefixes that are there, and chromosomes that have none.

    Parameters
    ----------
    prefix
        Path without ending; ``{chromosome}`` in it stands for each of `NAMES`.

    Raises
    ------
    InputError
        Where there is no file.
    """
    text = str(prefix).removesuffix(f".{form}")
    if CHROMOSOME not in text:
        if not Path(f"{text}.{form}").is_file():
            raise InputError(
                f"There is no file {Path(text).name}.{form} in {Path(text).parent}",
                f"give the path without .{form}, relative to study.toml",
            )
        return [Path(text)], ()
    found = {n: Path(text.replace(CHROMOSOME, n)) for n in NAMES}
    there = {n: p for n, p in found.items() if Path(f"{p}.{form}").is_file()}
    if not there:
        raise InputError(
            f"There is no file {Path(text).name}.{form} for any chromosome in "
            f"{Path(text).parent}",
            f"{CHROMOSOME} stands for 1 to 22, X, Y, XY and MT; other texts around it "
            "must be as in the file names",
        )
    absent = tuple(n for n in NAMES[:22] if n not in there)
    return list(there.values()), absent


def list_files(prefix: Path, form: Form) -> dict[str, Path]:
    """Every file of a prefix by its role, found and not yet read.

    Raises
    ------
    InputError
        Where one is not there.
    """
    files: dict[str, Path] = {}
    for found in (_set(path, form) for path in find_files(prefix, form)[0]):
        for path in (found.main, found.variants, found.people):
            files[path.name] = path
    return files


def open_genotypes(prefix: Path, form: Form) -> Genotypes:
    """Open PLINK files and check that they belong together.

    Parameters
    ----------
    prefix
        Path without ``.bed`` or ``.pgen``; may hold ``{chromosome}``.

    Raises
    ------
    InputError
        Where a file is absent, is none of its kind, is cut, has another number of
        variants or people than the tables beside it, or lists other people than the
        first; where a table has a wrong line.
    """
    prefixes, absent = find_files(prefix, form)
    sets = [_set(path, form) for path in prefixes]
    people: Samples | None = None
    tables, sources = [], []
    files: dict[str, Path] = {}
    for found in sets:
        samples = _samples(found.people)
        if people is None:
            people = samples
        elif samples.rows != people.rows:
            raise InputError(
                f"{found.people.name} ({len(samples.rows)} rows) lists other people "
                f"than {sets[0].people.name} ({len(people.rows)}), or in another order",
                "write the files again with the same people: plink2 --keep",
            )
        table = read_variants(found.variants)
        sources.append(_checked(found, form, table, n_people=len(samples.rows)))
        tables.append(table)
        files |= {p.name: p for p in (found.main, found.variants, found.people)}
    assert people is not None
    variants = tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)
    return Genotypes(people, variants, Reader(sources), files, absent)


def _set(prefix: Path, form: Form) -> _Set:
    beside = []
    for endings in BESIDE[form]:
        there = [p for e in endings if (p := Path(f"{prefix}{e}")).is_file()]
        if not there:
            raise InputError(
                f"There is no {prefix.name}{endings[0]} beside {prefix.name}.{form}",
                f"put it into {prefix.parent}",
            )
        beside.append(there[0])
    return _Set(prefix.name, Path(f"{prefix}.{form}"), *beside)


def _samples(path: Path) -> Samples:
    try:
        return parse_samples(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path.name} cannot be read", f"mend it in {path.parent}"
        ) from error


def _checked(found: _Set, form: Form, table: pd.DataFrame, *, n_people: int) -> Source:
    size = found.main.stat().st_size
    offsets = None
    if form == "bed":
        _check_bed(found, size, variants=len(table), people=n_people)
    else:
        more = table["effect_allele"].str.count(",").to_numpy(int) + 2
        if (more > 2).any():
            offsets = np.concatenate([[0], np.cumsum(more)]).astype(np.uintp)
    source = Source(form, found.main, n_people, len(table), size, offsets)
    if form == "pgen":
        _check_pgen(found, source)
    return source


def _check_bed(found: _Set, size: int, *, variants: int, people: int) -> None:
    with found.main.open("rb") as handle:
        head = handle.read(3)
    name = found.main.name
    if head[:2] != MAGIC:
        raise InputError(
            f"{name} is no .bed file: it does not begin as one", "give another file"
        )
    if head[2:3] == b"\x00":
        raise InputError(
            f"{name} is sample-major, as PLINK wrote before 2007",
            "write it again with plink --make-bed",
        )
    each = -(-people // 4)
    needed = 3 + variants * each
    if head[2:3] != b"\x01" or size == needed:
        if size == needed:
            return
        raise InputError(f"{name} is no .bed file", "give another file")
    if (size - 3) % each == 0 and (size - 3) // each != variants:
        raise InputError(
            f"{name} holds {(size - 3) // each} variants of {people} people, but "
            f"{found.variants.name} lists {variants}",
            f"give the .bim that belongs to it, or copy {name} again if it was cut",
        )
    raise InputError(
        f"{name} has {size} bytes instead of the {needed} that {variants} variants "
        f"({found.variants.name}) of {people} people ({found.people.name}) take",
        "copy it again if it was cut, or give the .bim and .fam that belong to it",
    )


def _check_pgen(found: _Set, source: Source) -> None:
    try:
        handle = open_source(source)
        holds = handle.get_variant_ct()
        if holds == source.variants and holds:
            ends = np.unique([0, holds - 1]).astype(np.uint32)
            few = np.empty((len(ends), source.people), np.float32)
            handle.read_dosages_list(ends, few)  # the last one tells whether it was cut
    except (RuntimeError, OSError, ValueError) as error:
        said = error.args[0] if error.args else ""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        text = text.replace(str(source.path), source.path.name).strip()
        raise InputError(
            f"{source.path.name} cannot be read with {found.people.name} "
            f"({source.people} people) and {found.variants.name} ({source.variants} "
            f"variants): {text}",
            "copy it again if it was cut, or give the .pvar and .psam that belong to "
            "it",
        ) from error
    if holds != source.variants:
        raise InputError(
            f"{source.path.name} holds {holds} variants, but {found.variants.name} "
            f"lists {source.variants}",
            "give the .pvar that belongs to it",
        )
