"""Whatever bytes are wrong: a volume or a reason comes out, in time and in bounds."""

import gzip
import io
import tracemalloc
import zipfile

import nibabel as nib
import numpy as np
import pytest
from dicom_builder import archive, content, dataset, encoded, stack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openjpeg.utils import encode_array
from pydicom import uid

from precompute.readers.archives import Source, members, read_bytes
from precompute.readers.dicom import read_dicom_picture, read_series
from precompute.readers.nifti import read_labels, read_nifti
from precompute.readers.reasons import Unusable
from precompute.readers.volume import Volume

ALL = (slice(None),) * 3
RNG = np.random.default_rng(5)
VALUES = RNG.integers(0, 900, (8, 9, 4)).astype(np.int16)
LIMIT = 64 << 20
"""Bytes a file of a few kilobytes may make the readers set aside."""
anything = settings(
    max_examples=250,
    deadline=5000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@st.composite
def damaged(draw, whole):
    """The bytes with some changed, mostly near the beginning, and maybe cut off."""
    raw = bytearray(whole)
    near = draw(st.sampled_from([len(raw), min(len(raw), 600)]))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, near - 1))
        raw[at] = draw(st.one_of(st.integers(0, 255), st.sampled_from([0, 127, 255])))
    if draw(st.booleans()):
        del raw[draw(st.integers(0, len(raw))) :]
    return bytes(raw)


def outcome(read, source):
    """Read it; nothing but a reason may be raised, nor much memory be taken."""
    tracemalloc.start()
    try:
        found = read(source)
        if isinstance(found, Volume) and found.stored.size < 10**6:
            assert found.crop(ALL).dtype == np.float32
    except Unusable as reason:
        assert 5 < len(str(reason)) < 90 and "v.nii" not in str(reason)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < LIMIT


def nifti(kind=nib.Nifti1Image):
    return kind(VALUES, np.diag([2, 2, 3, 1.0])).to_bytes()


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, raw in files:
            opened.writestr(name, raw)
    return buffer.getvalue()


FORMS = {
    "nifti-1": (nifti(), read_nifti),
    "nifti-2": (nifti(nib.Nifti2Image), read_nifti),
    "nifti-1 packed": (gzip.compress(nifti()), read_nifti),
    "mask": (gzip.compress(nifti()), read_labels),
    "zip": (zipped([("a.txt", b"hello" * 50), ("b/c", RNG.bytes(99))]), None),
    "zip of nifti": (zipped([("v.nii", nifti())]), "v.nii"),
}


@pytest.mark.parametrize("form", FORMS)
@anything
@given(data=st.data())
def test_damaged_files_are_read_or_refused(tmp_path, form, data):
    whole, read = FORMS[form]
    path = tmp_path / "v.nii"
    path.write_bytes(data.draw(damaged(whole)))
    if read is None:
        outcome(lambda _: [read_bytes(Source(path, m.name)) for m in members(path)], "")
    elif isinstance(read, str):
        outcome(read_nifti, Source(path, read))
    else:
        outcome(read, Source(path))


def picture(syntax):
    plane = np.tile(VALUES[:, :, 0], (6, 6)).astype(np.uint16)
    made = dataset(plane)
    if syntax == uid.JPEG2000Lossless:
        encoded(made, syntax, encode_array(plane))
    elif syntax in (uid.RLELossless, uid.JPEGLSLossless):
        made.compress(syntax)
    elif syntax == uid.JPEGBaseline8Bit:
        from PIL import Image

        buffer = io.BytesIO()
        grey = VALUES[:, :, 0].astype(np.uint8)
        Image.fromarray(grey).save(buffer, "JPEG")
        made = encoded(dataset(grey), syntax, buffer.getvalue())
    else:
        made = dataset(plane, syntax=syntax)
    return content(made)


SYNTAXES = [
    uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLSLossless,
    uid.JPEG2000Lossless, uid.JPEGBaseline8Bit,
]  # fmt: skip


PICTURES = {syntax: picture(syntax) for syntax in SYNTAXES}


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda s: s.keyword)
@anything
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_damaged_dicom_is_read_or_refused(tmp_path, syntax, data):
    path = tmp_path / "v.nii"
    path.write_bytes(bytes(128) + data.draw(damaged(PICTURES[syntax][128:])))
    outcome(read_dicom_picture, Source(path))


SLICES = stack(VALUES)
ARCHIVE = zipped([(f"{index}.dcm", raw) for index, raw in enumerate(SLICES)])


@anything
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_archives_of_damaged_slices_are_read_or_refused(tmp_path, data):
    """The damage lies within the slices: the archive's checksums are right."""
    files = list(SLICES)
    at = data.draw(st.integers(0, 3))
    files[at] = bytes(128) + data.draw(damaged(files[at][128:]))
    outcome(read_series, Source(archive(tmp_path / "v.nii", files)))


@settings(anything, max_examples=100)
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_damaged_archives_of_slices_are_read_or_refused(tmp_path, data):
    (tmp_path / "v.nii").write_bytes(data.draw(damaged(ARCHIVE)))
    outcome(read_series, Source(tmp_path / "v.nii"))


def test_a_deflated_file_that_unpacks_without_end(tmp_path, monkeypatch):
    import zlib

    from precompute.readers import dicom_files

    monkeypatch.setattr(dicom_files, "MAX_DICOM", 1 << 20)
    raw = content(dataset(VALUES[:, :, 0], syntax=uid.DeflatedExplicitVRLittleEndian))
    at = 132 + 12 + int.from_bytes(raw[140:144], "little")
    worker = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = raw[:at] + worker.compress(bytes(1 << 26)) + worker.flush()
    (tmp_path / "v.nii").write_bytes(bomb)
    outcome(read_dicom_picture, Source(tmp_path / "v.nii"))
    with pytest.raises(Unusable, match="file too large"):
        read_dicom_picture(Source(tmp_path / "v.nii"))


def test_sequences_within_sequences_without_end(tmp_path):
    raw = content(dataset(VALUES[:, :, 0]))
    nest = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    at = 132 + 12 + int.from_bytes(raw[140:144], "little")
    (tmp_path / "v.nii").write_bytes(raw[:at] + nest * 5000 + raw[at:])
    outcome(read_dicom_picture, Source(tmp_path / "v.nii"))
