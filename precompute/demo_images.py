"""The demo's images: NIfTI files named as UK Biobank's, a few of them faulty.

Each imaging is a folder as public pipelines write it from field 20201 (abdominal Dixon
MRI): ``{eid}_20201_{instance}_0/`` with ``fat.nii.gz``, ``water.nii.gz`` and
``mask.nii.gz``, a label map.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Image

from edp_core.simulate.factors import Factors
from edp_core.simulate.grid import affine
from edp_core.simulate.volumes import FIRST_IMAGING, LABELS, render_volume

NO_IMAGE = "no image"
CUT_SHORT = "image file cut short"
BLANK = "blank volume"
NO_MASK = "no mask"
EMPTY_MASK = "empty mask"
OTHER_SHAPE = "mask of another shape"
AT_BORDER = "liver at the border of the volume"
NOT_FINITE = "NaN within the volume"
FAULTS = {
    NO_IMAGE: 6,
    CUT_SHORT: 2,
    BLANK: 1,
    NO_MASK: 2,
    EMPTY_MASK: 1,
    OTHER_SHAPE: 2,
    AT_BORDER: 6,
    NOT_FINITE: 1,
}
"""What is wrong with an image → how many participants it befalls."""

Progress = Callable[[int, int], None]
Arrays = dict[str, np.ndarray]


def write_images(
    folder: Path,
    everyone: Factors,
    *,
    imagings: Sequence[tuple[int, int]],
    faults: np.ndarray,
    seed: int,
    progress: Progress | None,
) -> None:
    """Render and write every imaging.

    Parameters
    ----------
    folder
        Receives a folder for each imaging.
    imagings
        (row number of the participant, instance) of each; a participant whose fault is
        that there is no image is passed over.
    faults
        (n_people,) what is wrong with each one's image; of other words, and of empty
        ones, nothing is.
    """
    eids = everyone.participants["eid"].to_numpy(str)
    wanted = [(row, visit) for row, visit in imagings if faults[row] != NO_IMAGE]

    def write(imaging: tuple[int, int]) -> None:
        row, instance = imaging
        volume = render_volume(everyone, row, seed=seed, instance=instance)
        arrays: Arrays = {
            "fat": volume.fat,
            "water": volume.water,
            "mask": volume.labels,
        }
        # a repeat imaging of the same person is sound
        fault = str(faults[row]) if instance == FIRST_IMAGING else ""
        target = folder / f"{eids[row]}_20201_{instance}_0"
        target.mkdir()
        for name, array in _spoilt(arrays, fault).items():
            data = _nifti(array)
            if fault == CUT_SHORT and name == "fat":
                data = data[: int(0.6 * len(data))]
            (target / f"{name}.nii.gz").write_bytes(data)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(write, wanted), 1):
            if progress is not None:
                progress(done, len(wanted))


def _spoilt(arrays: Arrays, fault: str) -> Arrays:
    """The arrays of an imaging with its fault."""
    mask = arrays["mask"]
    heights = np.flatnonzero((mask == LABELS["liver"]).any(axis=(0, 1)))
    middle = int(heights.mean())
    if fault == BLANK:
        return {name: a if name == "mask" else 0 * a for name, a in arrays.items()}
    if fault == NO_MASK:
        return {name: a for name, a in arrays.items() if name != "mask"}
    if fault == EMPTY_MASK:
        return {**arrays, "mask": 0 * mask}
    if fault == OTHER_SHAPE:
        return {**arrays, "mask": mask[:, :, :-1]}
    if fault == AT_BORDER:  # the scan ends amid the liver, above the kidneys
        return {name: a[:, :, : middle + 1] for name, a in arrays.items()}
    if fault == NOT_FINITE:
        fat = arrays["fat"].astype(np.float32)
        fat[:, :, heights[0] : middle] = np.nan
        return {**arrays, "fat": fat}
    return arrays


def _nifti(array: np.ndarray) -> bytes:
    """Bytes of a .nii.gz, the same each time."""
    image: Any = Nifti1Image(array, affine())  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")
    image.set_sform(affine(), code="scanner")
    image.set_qform(affine(), code="scanner")
    # noise hardly shrinks: higher levels take thrice as long for a hundredth less
    return bytes(gzip.compress(image.to_bytes(), compresslevel=3, mtime=0))
