"""Frames between the studio and a worker: JSON, and arrays of numbers after it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

_LENGTH = 8


def send(stream: IO[bytes], content: Any, arrays: Sequence[np.ndarray] = ()) -> None:
    """Write a frame and flush.

    Parameters
    ----------
    content
        What JSON holds.
    arrays
        Arrays of numbers, of any shape.
    """
    parts = []
    for array in arrays:
        part = io.BytesIO()
        np.save(part, array, allow_pickle=False)
        parts.append(part.getbuffer())
    head = json.dumps([content, [len(part) for part in parts]]).encode()
    stream.write(len(head).to_bytes(_LENGTH, "little") + head)
    for body in parts:
        stream.write(body)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[Any, list[np.ndarray]]:
    """Read a frame: its content and its arrays.

    Raises
    ------
    EOFError
        Where the stream ends before the frame does.
    """
    length = int.from_bytes(_exactly(stream, _LENGTH), "little")
    content, sizes = json.loads(_exactly(stream, length))
    arrays = [
        np.load(io.BytesIO(_exactly(stream, size)), allow_pickle=False)
        for size in sizes
    ]
    return content, arrays


def _exactly(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError("the stream ended within a frame")
    return content
