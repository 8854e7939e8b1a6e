"""Why an image is left out, and what readers raise for files with wrong bytes."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from isal.igzip_lib import IsalError
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from pydicom.errors import BytesLengthException, InvalidDicomError

# the stubs of isal call its exception an instance
_ISAL = cast(type[Exception], IsalError)
DAMAGED: tuple[type[Exception], ...] = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError,
    ArithmeticError, RuntimeError, struct.error, zlib.error,
    _ISAL, zipfile.BadZipFile, tokenize.TokenError, HeaderDataError, ImageFileError,
    WrapStructError, InvalidDicomError, BytesLengthException,
)  # fmt: skip
"""What readers raise for files that are cut off or have wrong bytes.

`MemoryError` is not among them: it is the machine's, and sizes are checked before.
"""


class Unusable(Exception):
    """An image that is left out; the text is the reason that is counted.

    Reasons are counted by their text, so it holds no id, no file name and no number
    that differs from file to file.
    """


@contextmanager
def refusing(reason: str) -> Iterator[None]:
    """Turn what damaged bytes raise within the block into a refusal.

    Raises
    ------
    Unusable
        With ``reason``; one that was raised within goes through unchanged.
    """
    try:
        yield
    except DAMAGED as error:
        raise Unusable(reason) from error
