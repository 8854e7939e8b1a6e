"""Result files in the study's folder: one run is one file, or one a chromosome."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from edp_core.study import Study

FOLDER = "results"
"""Where results are looked for, in the study's folder and in each of its exports."""
RESULT = re.compile(
    r"\.(regenie|glm\.\w+(\.\w+)?|bgen\.stats|stats|saige|assoc(\.\w+)?|txt|tsv|csv)"
    r"(\.b?gz)?$",
    re.IGNORECASE,
)
"""Endings of result files; the script's own by-products have others."""
CHROMOSOME = re.compile(
    r"(?<![A-Za-z0-9])(chromosome|chrom|chr)[_-]?(\d{1,2}|X|Y|MT)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
MOST = 5000
"""Files looked at; a folder with more is no folder of results."""


@dataclass(frozen=True)
class Group:
    """Files of one run.

    Attributes
    ----------
    shown
        Path from the study's folder, ``*`` for the chromosome.
    files
        Sorted, links resolved.
    n_bytes
        Of all of them.
    """

    shown: str
    files: tuple[Path, ...]
    n_bytes: int


def groups(study: Study) -> list[Group]:
    """Runs whose files lie in ``results/`` of the study or of its exports.

    The newest first. Nothing outside the study's folder is listed, whatever links say.
    """
    home = study.folder.resolve()
    places = [home / FOLDER, *sorted(_exports(study).glob(f"*/{FOLDER}"))]
    found: dict[str, list[Path]] = {}
    seen = 0
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else []:
            seen += 1
            if seen > MOST:
                break
            if not path.is_file() or not RESULT.search(path.name):
                continue
            if not path.resolve().is_relative_to(home):
                continue
            name = CHROMOSOME.sub(r"\g<1>*", path.name)
            key = (path.parent / name).relative_to(home).as_posix()
            found.setdefault(key, []).append(path.resolve())
    made = [
        Group(name, tuple(files), sum(file.stat().st_size for file in files))
        for name, files in found.items()
    ]
    return sorted(
        made, key=lambda g: max(file.stat().st_mtime for file in g.files), reverse=True
    )


def _exports(study: Study) -> Path:
    home, folder = study.folder.resolve(), study.path(study.disclosure.export_dir)
    return folder if folder.is_relative_to(home) else home


def suggested(shown: str, *, traits: Collection[str], taken: Collection[str]) -> str:
    """A name for a run, from the name of its files.

    The phenotype it is of, where one of ``traits`` ends the name; else the name without
    ending and chromosome. Numbered where it is taken.

    >>> suggested("results/qt_chr*_PC1.regenie.gz", traits=["PC1"], taken=[])
    'PC1'
    >>> suggested("results/bmi.chr*.txt.gz", traits=[], taken=["bmi"])
    'bmi-2'
    """
    stem = RESULT.sub("", Path(shown).name)
    ends = [name for name in traits if re.search(rf"(^|[_.]){re.escape(name)}$", stem)]
    if ends:
        name = max(ends, key=len)
    else:
        bare = re.sub(r"[_.-]?(chr|chrom|chromosome)\*", "", stem, flags=re.IGNORECASE)
        bare = re.sub(r"^(qt|bt)_(?=.)", "", bare)
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", bare).strip("._-") or "result"
    name, number = name[:90], 2
    first = name
    while name in taken:
        name, number = f"{first}-{number}", number + 1
    return name
