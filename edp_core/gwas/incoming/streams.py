"""Bytes of a file, plain or gzip: what is cut short, damaged or a bomb is named."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from edp_core.errors import InputError

MAX_BYTES = 200 << 30
"""Text of one file; 100 times what 10 million variants take."""
FREE_BYTES = 256 << 20
MAX_RATIO = 200
"""Above `FREE_BYTES`, no result packs so well: regenie's pack to a third."""
GZIP = b"\x1f\x8b"
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that bgzip and htslib write last."""


def ahead(items: Iterator[bytes]) -> Iterator[bytes]:
    """The same items, the next one made in a thread while one is worked on."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = pool.submit(next, items, None)
            yield item


def check_size(path: Path, text: int, packed: int) -> None:
    """Refuse what unpacks without end."""
    ratio = text / max(packed, 1)
    if text > MAX_BYTES or (text > FREE_BYTES and ratio > MAX_RATIO):
        raise InputError(
            f"{path.name} unpacks to more than {text / 1e9:.1f} GB, {ratio:,.0f} times "
            "its size: no result does",
            "give the result as its program wrote it",
        )


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Text of a file, and the raw file, which tells how far it was read."""
    with pa.OSFile(str(path)) as raw:
        if raw.read(2) == GZIP:
            raw.seek(0)
            with pa.CompressedInputStream(raw, "gzip") as text:
                yield text, raw
        else:
            raw.seek(0)
            yield raw, raw


def check_end(path: Path, start: bytes) -> None:
    """Blocked gzip can be cut between two blocks: then only its end tells."""
    with path.open("rb") as file:
        head = file.read(18)
        if not start.startswith(GZIP) or head[12:14] != b"BC":
            return
        file.seek(-min(len(BGZF_END), path.stat().st_size), 2)
        if file.read() != BGZF_END:
            raise InputError(
                f"{path.name} is cut short: the last block of bgzip is missing",
                "write or copy it again",
            )


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Turn what a damaged file raises into an error that names the file."""
    try:
        yield
    except PermissionError as error:
        raise InputError(
            f"{path.name} cannot be read: its permissions do not allow it",
            "mend its permissions",
        ) from error
    except OSError as error:
        if error.errno is not None:
            raise
        cut = "Truncated" in str(error)
        raise InputError(
            f"{path.name} is {'cut short' if cut else 'damaged'}: {error}",
            "write or copy it again",
        ) from error
