"""How large a compressed picture says it is, before a decoder believes it."""

from __future__ import annotations

import struct

_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
"""JPEG's markers that no length follows."""
_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""JPEG's and JPEG-LS's markers of a frame, which holds the size."""
_JP2 = b"\0\0\0\x0cjP  "


def declared_size(content: bytes) -> tuple[int, int, int] | None:
    """Rows, columns and samples of a pixel that JPEG, JPEG-LS or JPEG 2000 declares.

    Parameters
    ----------
    content
        The compressed picture.

    Returns
    -------
    tuple or None
        None where it declares no size that can be found.

    Raises
    ------
    struct.error
        Where it is cut off.
    """
    if content.startswith(_JP2):
        content = content[max(content.find(b"\xff\x4f\xff\x51"), 0) :]
    if content.startswith(b"\xff\x4f\xff\x51"):
        right, low, left, top = struct.unpack_from(">4I", content, 8)
        (samples,) = struct.unpack_from(">H", content, 40)
        return low - top, right - left, samples
    at = 2
    while content.startswith(b"\xff\xd8") and at + 4 <= len(content):
        marker = content[at + 1]
        if content[at] != 0xFF:
            return None
        if marker == 0xFF or marker in _WITHOUT_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAMES:
            rows, columns, samples = struct.unpack_from(">2HB", content, at + 5)
            return rows, columns, samples
        (length,) = struct.unpack_from(">H", content, at + 2)
        at += 2 + max(length, 2)
    return None
