"""Result files as blocks of whole lines, plain or gzip, with their header read first.

A file is streamed: text of 10 million variants is about a gigabyte, and only what is
kept of it is held. Decompression runs in a thread of its own ahead of the parser.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edp_core.errors import InputError
from edp_core.gwas.incoming.builds import Build, builds_in
from edp_core.gwas.incoming.names import NAMES
from edp_core.gwas.incoming.streams import ahead, check_end, check_size, named, opened

BLOCK = 16 << 20
"""Bytes of text parsed at once."""
LINE = 1 << 20
"""A longer line is none of a table."""
HEAD = 4 << 20
"""Comments and header end within this."""
OTHERS = {
    b"PK\x03\x04": "a zip archive",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"PAR1": "a Parquet file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
BOM = b"\xef\xbb\xbf"

Report = Callable[[int, int], None]
"""Told how much is done, of how much."""


@dataclass(frozen=True)
class Head:
    """What stands before the first row of a result file.

    Attributes
    ----------
    path
        The file, links resolved.
    names
        Its columns, as the header names them; a leading ``#`` is dropped.
    delimiter
        One character; a space stands for any run of spaces and tabs.
    size
        Bytes of text up to the first row.
    builds
        Builds that comments, or the metadata beside a GWAS-SSF file, name.
    quoted
        Whether cells stand in quotation marks.
    runs
        Whether cells are apart by runs of white space, not by one space each.
    """

    path: Path
    names: tuple[str, ...]
    delimiter: str
    size: int
    builds: frozenset[Build]
    quoted: bool
    runs: bool


def open_result(given: Path) -> Head:
    """Read comments and header of a result file.

    Raises
    ------
    InputError
        Where it is absent, empty, cut short or no text table.
    """
    path = given.resolve()
    if not path.is_file():
        raise InputError(f"There is no file {given}", "mend the path of the result")
    if not path.stat().st_size:
        raise InputError(f"{given.name} is empty", "write the result again")
    with named(path), path.open("rb") as file:
        start = file.read(8)
        for magic, kind in OTHERS.items():
            if start.startswith(magic):
                raise InputError(
                    f"{given.name} cannot be read: it is {kind}",
                    "give it as plain text or gzip",
                )
        check_end(path, start)
    with named(path), opened(path) as (text, _):
        head = bytes(text.read(HEAD))
    return _head(path, head)


def _head(path: Path, text: bytes) -> Head:
    size = len(BOM) if text.startswith(BOM) else 0
    comments: list[str] = []
    line = ""
    while size < len(text):
        end = text.find(b"\n", size)
        raw = text[size:] if end < 0 else text[size : end + 1]
        size += len(raw)
        line = _decoded(raw, path).strip("\r\n")
        end = text.find(b"\n", size)
        following = text[size:] if end < 0 else text[size:end]
        if line.strip() and not _is_remark(line, _decoded(following, path)):
            break
        comments.append(line)
        line = ""
    if not line.strip():
        raise InputError(
            f"{path.name} has no header", "its first line must name the columns"
        )
    line = line.lstrip("#")
    delimiter = _delimiter(line)
    if delimiter == " ":
        names = line.split()
    else:
        names = next(csv.reader([line], delimiter=delimiter))
    rows = text[size : size + LINE]
    first = line.encode() + b"\n"
    return Head(
        path,
        tuple(name.strip().strip('"').lstrip("#") for name in names),
        delimiter,
        size,
        frozenset(builds_in("\n".join(comments)) | _beside(path)),
        '"' in line or b'"' in rows,
        delimiter == " " and squeezed(first + rows) != first + rows,
    )


def _is_remark(line: str, following: str) -> bool:
    """Whether a line is a comment, and not a header such as ``#CHROM POS …``."""
    if not line.startswith("#"):
        return False
    if line.startswith("##") or following.startswith("#"):
        return True
    delimiter = _delimiter(line)
    apart = None if delimiter == " " else delimiter
    cells = line.lstrip("#").split(apart)
    if len(cells) == len(following.split(apart)):
        return False
    known = {cell.strip().lower() for cell in cells} & NAMES
    return line.startswith("# ") or len(known) < 3


def _decoded(raw: bytes, path: Path) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name} cannot be read: it is not UTF-8 text",
            "give it as plain text or gzip",
        ) from error


def _delimiter(line: str) -> str:
    """Tab, comma or semicolon where the header has them, else white space."""
    if "\t" in line.strip() and " " not in line.strip().replace("\t", ""):
        return "\t"
    best = max(",;\t", key=line.count)
    return best if line.count(best) > len(line.split()) - 1 else " "


def _beside(path: Path) -> set[Build]:
    """Builds that the metadata of a GWAS-SSF file name."""
    meta = path.with_name(path.name + "-meta.yaml")
    if not meta.is_file() or meta.stat().st_size > HEAD:
        return set()
    found = re.findall(
        r"^\s*genome_assembly\s*:(.*)$",
        meta.read_text(encoding="utf-8", errors="replace"),
        re.M,
    )
    return builds_in("\n".join(found))


# ---- blocks ----------------------------------------------------------------------
def blocks(head: Head, report: Report) -> Iterator[bytes]:
    """Rows of a file, in blocks of whole lines that end on ``\\n``.

    Comments between rows are left out. Runs of white space become one space where cells
    are apart by them.

    Raises
    ------
    InputError
        Where the file is cut short, is damaged, or unpacks to more than is sane.
    """
    lines = ahead(_lines(head, report))
    for block in lines:
        if b"#" in block and (block.startswith(b"#") or b"\n#" in block):
            block = re.sub(rb"(?m)^#.*\n", b"", block)
        if head.runs:
            block = squeezed(block)
        if block:
            yield block


def _lines(head: Head, report: Report) -> Iterator[bytes]:
    path = head.path
    size = path.stat().st_size
    left, carried, total = head.size, b"", 0
    with named(path), opened(path) as (text, raw):
        while block := bytes(text.read(BLOCK)):
            total += len(block)
            check_size(path, total, raw.tell())
            if left:
                block, left = block[left:], max(left - len(block), 0)
            end = block.rfind(b"\n") + 1
            if end:
                yield carried + block[:end]
                carried = block[end:]
            else:
                carried += block
            if len(carried) > LINE:
                raise InputError(
                    f"{path.name} is no table: a line is longer than {LINE:,} bytes",
                    "give the result as its program wrote it",
                )
            report(min(raw.tell(), size), size)
    if carried.strip():
        yield _last(head, carried)


def _last(head: Head, line: bytes) -> bytes:
    """A last line without an end: whole, or what is left of a file cut short."""
    parts = (
        line.split() if head.delimiter == " " else line.split(head.delimiter.encode())
    )
    if len(parts) < len(head.names):
        raise InputError(
            f"{head.path.name} is cut short: its last line has {len(parts)} of "
            f"{len(head.names)} cells",
            "write or copy it again",
        )
    return line + b"\n"


def squeezed(block: bytes) -> bytes:
    """Lines with one space between cells and none around them."""
    if b"\t" in block:
        block = block.replace(b"\t", b" ")
    if b"  " in block:
        block = re.sub(rb"  +", b" ", block)
    if b" \n" in block or b" \r\n" in block:
        block = re.sub(rb" (\r?\n)", rb"\1", block)
    if block.startswith(b" ") or b"\n " in block:
        block = block.replace(b"\n ", b"\n").removeprefix(b" ")
    return block
