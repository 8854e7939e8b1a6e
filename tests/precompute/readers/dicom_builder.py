"""Writes DICOM files and archives for tests."""

import io
import zipfile

import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

EYE = (1, 0, 0, 0, 1, 0)


def dataset(pixels, *, syntax=uid.ExplicitVRLittleEndian, frames=None, **elements):
    """A DICOM image of (rows, columns[, 3]) pixels with any elements replaced."""
    pixels = np.asarray(pixels)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = uid.MRImageStorage
    meta.MediaStorageSOPInstanceUID = uid.generate_uid()
    meta.TransferSyntaxUID = syntax
    made = Dataset()
    made.file_meta = meta
    made.SOPClassUID = uid.MRImageStorage
    made.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    made.PatientName = "Somebody^Real"
    made.Rows, made.Columns = pixels.shape[:2]
    made.SamplesPerPixel = 1 if pixels.ndim == 2 else pixels.shape[2]
    colour = made.SamplesPerPixel == 3
    made.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        made.PlanarConfiguration = 0
    made.BitsAllocated = made.BitsStored = 8 * pixels.dtype.itemsize
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    if frames:
        made.NumberOfFrames = frames
    order = ">" if syntax == uid.ExplicitVRBigEndian else "<"
    made.PixelData = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    made["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    for key, value in elements.items():
        setattr(made, key, value)
    return made


def content(made):
    """The bytes of a DICOM file."""
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def encoded(made, syntax, frame):
    """The same image with its pixels replaced by a compressed frame."""
    made.file_meta.TransferSyntaxUID = syntax
    made.PixelData = encapsulate([frame])
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return made


def slice_file(pixels, *, position, series="1.2.3", description="T1", **elements):
    """One slice of a volume."""
    elements = {
        "SeriesInstanceUID": series,
        "SeriesDescription": description,
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "ImagePositionPatient": [float(f"{p:.6f}") for p in position],
        "ImageOrientationPatient": list(EYE),
        "PixelSpacing": [2.0, 1.5],
        "SliceThickness": 3.0,
        **elements,
    }
    elements["ImageOrientationPatient"] = [
        float(f"{p:.8f}") for p in elements["ImageOrientationPatient"]
    ]
    return content(dataset(pixels, **elements))


def stack(values, *, start=(0, 0, 0), gap=3.0, orientation=EYE, **elements):
    """Files of the slices of (rows, columns, slices) values, foot to head."""
    normal = np.cross(orientation[:3], orientation[3:])
    return [
        slice_file(
            values[:, :, k],
            position=np.add(start, normal * gap * k),
            ImageOrientationPatient=orientation,
            InstanceNumber=k + 1,
            **elements,
        )
        for k in range(values.shape[2])
    ]


def archive(path, files):
    """A zip of these files, which get names of their own unless they have one."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for index, file in enumerate(files):
            name, raw = file if isinstance(file, tuple) else (f"{index}.dcm", file)
            opened.writestr(name, raw)
    return path
