"""Who is genotyped: ids from a .fam, .psam or .sample file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edp_core.errors import InputError


@dataclass(frozen=True)
class Samples:
    """Participants of a genotype file.

    Attributes
    ----------
    form
        Kind of file the ids were read from.
    fids
        IID → FID; ids that stand twice are in ``repeated`` as well.
    repeated
        IIDs with more than one row.
    notes
        What the user should know.
    rows
        (FID, IID) of every row of the file, in its order.
    """

    form: Literal["fam", "psam", "sample"]
    fids: Mapping[str, str]
    repeated: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    rows: tuple[tuple[str, str], ...] = ()


def parse_samples(text: str) -> Samples:
    """Read the ids of a genotype file's list of samples.

    A .psam has a header that begins with ``#FID`` or ``#IID``; a .sample file two
    header rows, the second beginning ``0 0 0``; a .fam file six columns and no header.
    Cells are separated by spaces or tabs.

    Raises
    ------
    InputError
        Where the text is none of these; the message names the line.

    Examples
    --------
    >>> parse_samples("1 1 0 0 2 -9\\n2 2 0 0 1 -9\\n").form
    'fam'
    """
    rows = [
        (number, line.split())
        for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1)
        if line.strip() and not line.startswith("##")
    ]
    if not rows:
        raise InputError("The genotype sample file is empty", "give another file")
    first = rows[0][1]
    notes: tuple[str, ...] = ()
    form: Literal["fam", "psam", "sample"]
    if first[0] in ("#FID", "#IID"):
        form, skip, width = "psam", 1, len(first)
        if first[0] == "#FID" and first[1:2] != ["IID"]:
            raise InputError(
                "The .psam header begins with #FID but IID does not follow",
                "write the file again with plink2 --make-just-psam",
            )
        family, person = (0, 1) if first[0] == "#FID" else (0, 0)
        if first[0] == "#IID":
            notes = (
                "The .psam file has no FID column: FID = IID was assumed. regenie "
                "itself reads a .psam only with the header #FID IID.",
            )
    elif [name.lower() for name in first[:3]] == ["id_1", "id_2", "missing"]:
        form, skip, width, family, person = "sample", 2, len(first), 0, 1
        if len(rows) < 2 or rows[1][1][:3] != ["0", "0", "0"]:
            raise InputError(
                "The second line of the .sample file does not begin with 0 0 0",
                "give the .sample file that belongs to the .bgen files, with both of "
                "its header lines",
            )
    else:
        form, skip, width, family, person = "fam", 0, 6, 0, 1
    fids: dict[str, str] = {}
    repeated: set[str] = set()
    for number, row in rows[skip:]:
        if len(row) != width:
            raise InputError(
                f"Line {number} of the genotype sample file has {len(row)} columns "
                f"instead of the {width} of a .{form} file",
                "give the .fam, .psam or .sample file of the genotypes unchanged",
            )
        if row[person] in fids:
            repeated.add(row[person])
        fids[row[person]] = row[family]
    if not fids:
        raise InputError(
            "The genotype sample file lists no participant", "give another file"
        )
    listed = tuple((row[family], row[person]) for _, row in rows[skip:])
    return Samples(form, fids, frozenset(repeated), notes, listed)
