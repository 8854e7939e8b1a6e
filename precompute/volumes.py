"""From a volume and its mask to the slices a network sees.

The organ alone is kept: voxels outside its mask become 0, the tight cuboid around it is
cut out, resampled to the spacing asked for, cut across one axis and brought to the size
of the preset. Values become 0–1 by a scale taken from the organ's own voxels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from edp_core.errors import InputError
from edp_core.settings.organs import Organ
from precompute.datasets import ImageFile
from precompute.prepared import Prepared
from precompute.quality import Refused, check_mask, check_organ
from precompute.readers.archives import Source
from precompute.readers.dicom import read_series
from precompute.readers.nifti import read_labels, read_nifti
from precompute.readers.reasons import Unusable
from precompute.readers.volume import Labels, Volume
from precompute.resample import centred, chosen, resample

ACROSS = {"sagittal": 0, "coronal": 1, "axial": 2}
"""Axis → its number in a volume whose axes run right, front, head."""
PERCENTILES = (0.5, 99.5)
LEAST = 1 / 255
"""Smallest value within the organ, so that 0 is the background alone."""
NO_SIZE = "the file has no voxel size"
CUT_OFF = "organ larger than the field, cut at its edges"
APART = 0.25
"""Share of a voxel by which corners of mask and image may lie apart."""

Box = tuple[slice, slice, slice]


def read_slices(
    image: ImageFile, organ: Organ, *, names: Mapping[str, int]
) -> Prepared:
    """Read one volume and make its slices.

    Parameters
    ----------
    image
        Its files.
    names
        Label name → number, for label maps that are named.

    Returns
    -------
    Prepared
        float16 slices, shape (k, size, size, channels), 0 outside the organ and
        between 1/255 and 1 within; the organ's volume in mL where it is known.

    Raises
    ------
    Unusable
        With the reason, where it cannot be used.
    """
    volumes = _channels(image, organ)
    first = volumes[0]
    show = partial(shown, first, organ)
    mask = None
    if image.mask is not None:
        mask = read_labels(image.mask)
        _same_grid(first, mask, what="mask")
        inside = (
            np.isin(mask.values, _numbers(image, names))
            if image.labels
            else (mask.values != 0)
        )
        check_mask(inside, organ.quality, show=show)
        box = _cuboid(inside)
        inside = inside[box]
    else:
        box = (slice(None), slice(None), slice(None))
        inside = np.ones(first.shape, bool)
    crops = [volume.crop(box) for volume in volumes]
    values = crops[0] if len(crops) == 1 else np.concatenate(crops, axis=3)
    held = values[inside]
    check_organ(held, organ.quality, show=show)
    values = scaled(values, held, organ)
    del held
    if image.side in organ.mirror:
        values, inside = values[::-1], inside[::-1]
    slices, cut_off = _cut(values, inside, organ=organ, spacing=first.spacing_mm)
    if not len(slices):
        raise Refused("no slice of the organ is left", show())
    ml, unknown = _volume_ml(first, inside, masked=mask is not None)
    return Prepared(slices, ml, unknown, (CUT_OFF,) if cut_off else ())


def label_numbers(path: Path) -> dict[str, int]:
    """Names and numbers of a label map.

    Three spellings are read: ``{"1": "liver"}``, ``{"liver": 1}`` and either under a
    key ``labels``, as nnU-Net's dataset.json has it.

    Raises
    ------
    InputError
        Where the file is not there or holds something else.
    """
    hint = 'write {"1": "liver", …} or {"liver": 1, …}; see label_names in study.toml'
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"The label names {path} cannot be read", hint) from error
    if isinstance(content, dict) and isinstance(content.get("labels"), dict):
        content = content["labels"]
    found: dict[str, int] = {}
    for key, value in content.items() if isinstance(content, dict) else ():
        name, number = (value, key) if str(key).isdigit() else (key, value)
        if isinstance(name, str) and str(number).isdigit():
            if name in found:
                raise InputError(f"{path.name} names the label {name!r} twice", hint)
            found[name] = int(number)
    if not found:
        raise InputError(f"{path.name} names no label", hint)
    return found


def scaled(values: np.ndarray, held: np.ndarray, organ: Organ) -> np.ndarray:
    """Bring an organ's values to 0–1, robustly and one volume at a time.

    ``joint``: the 99.5th percentile of all channels' voxels within the organ becomes 1,
    0 stays 0 (or the 0.5th percentile becomes 0 where values are negative): the ratio
    of fat to water survives, the scanner's gain does not. ``channel``: each channel's
    own 0.5th and 99.5th percentiles. ``window``: the two values of the setting.

    Parameters
    ----------
    values
        (x, y, z, C) float32, changed in place: a whole volume is large.
    held
        (n_voxels, C), those of the organ.

    Returns
    -------
    numpy.ndarray
        ``values``, now in 1/255–1; what lies outside the organ means nothing.
    """
    if organ.intensity == "window" and organ.window is not None:
        low, high = (np.asarray(edge, np.float32) for edge in organ.window)
    elif organ.intensity == "channel":
        low, high = np.percentile(held, PERCENTILES, axis=0)
    else:
        low, high = np.percentile(held, PERCENTILES)
        low = np.minimum(low, 0)
    span = np.where(high > low, high - low, 1)
    with np.errstate(invalid="ignore", over="ignore"):  # outside the organ
        values -= np.asarray(low, np.float32)
        values /= np.asarray(span, np.float32)
    return np.clip(values, LEAST, 1, out=values)


def shown(volume: Volume, organ: Organ) -> np.ndarray:
    """The middle slice of a whole volume's first channel, (H, W) uint8."""
    across = ACROSS[organ.axis]
    middle = volume.shape[across] // 2
    box = [slice(None)] * 3
    box[across] = slice(middle, middle + 1)
    plane = np.nan_to_num(volume.crop((box[0], box[1], box[2]))[..., 0]).squeeze(across)
    low, high = np.percentile(plane, PERCENTILES)
    unit = np.clip((plane - low) / (high - low or 1), 0, 1)
    return np.rint(255 * unit[::-1, ::-1].T).astype(np.uint8)


def _channels(image: ImageFile, organ: Organ) -> list[Volume]:
    volumes = [_open(source, organ) for source in image.sources]
    for volume in volumes[1:]:
        _same_grid(volumes[0], volume, what="channel")
    have = sum(volume.channels for volume in volumes)
    if have != organ.channels:
        raise Unusable(f"volume has {have} channels, {organ.channels} are expected")
    return volumes


def _open(source: Source, organ: Organ) -> Volume:
    if source.path.suffix.lower() == ".zip" and not source.member:
        return read_series(source, series=organ.series, frame=organ.frame)
    return read_nifti(source, frame=organ.frame)


def _numbers(image: ImageFile, names: Mapping[str, int]) -> list[int]:
    missing = sorted({str(e) for e in image.labels if isinstance(e, str)} - set(names))
    if missing:
        raise InputError(
            f"The label names have no {missing}",
            f"they have: {', '.join(names)}; mend `labels` of the organ",
        )
    return [names[e] if isinstance(e, str) else e for e in image.labels]


def _same_grid(one: Volume, other: Volume | Labels, *, what: str) -> None:
    """Raise `Unusable` where two files do not lie on one another."""
    if one.shape != other.shape:
        raise Unusable(f"{what} of another shape")
    if one.affine is None and other.affine is None:
        return  # neither says where it lies: voxel on voxel is all there is
    if one.affine is None or other.affine is None:
        # an axis of one may run the other way in the other, and nobody could tell
        raise Unusable(f"volume or {what} does not say where it lies, the other does")
    corners = np.array(
        [[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)], float
    )
    corners[:, :3] *= np.array(one.shape) - 1
    apart = corners @ (one.affine - other.affine).T
    voxel = np.linalg.norm(one.affine[:3, :3], axis=0).min()
    if np.linalg.norm(apart[:, :3], axis=1).max() > APART * voxel:
        raise Unusable(f"{what} lies elsewhere (another affine)")


def _cuboid(inside: np.ndarray) -> Box:
    edges = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        held = np.flatnonzero(inside.any(axis=others))
        edges.append(slice(int(held[0]), int(held[-1]) + 1))
    return edges[0], edges[1], edges[2]


def _volume_ml(
    volume: Volume, inside: np.ndarray, *, masked: bool
) -> tuple[float, str]:
    """Volume of the organ and, where it is not known, why."""
    if not masked:
        return np.nan, "there is no mask"
    if volume.spacing_mm is None:
        return np.nan, NO_SIZE
    if volume.affine is None:
        voxel = float(np.prod(volume.spacing_mm))
    else:
        voxel = abs(float(np.linalg.det(volume.affine[:3, :3])))
    return float(inside.sum()) * voxel / 1000, ""


def _cut(
    values: np.ndarray,
    inside: np.ndarray,
    *,
    organ: Organ,
    spacing: tuple[float, float, float] | None,
) -> tuple[np.ndarray, bool]:
    """Slices as they are stored, and whether the organ passes the field."""
    if spacing is None and organ.spacing_mm is not None:
        raise Unusable(f"cannot be resampled to mm: {NO_SIZE}")
    have = spacing or (1.0, 1.0, 1.0)
    wanted = organ.spacing_mm or have
    steps = wanted if isinstance(wanted, tuple) else (wanted,) * 3
    across = ACROSS[organ.axis]
    extents = [n * step for n, step in zip(inside.shape, have, strict=True)]
    plane = [axis for axis in range(3) if axis != across]
    size = organ.image_size
    widest = max(extents[axis] for axis in plane)
    matrices = []
    cut_off = False
    for axis, extent in enumerate(extents):
        if axis == across:
            line = centred(
                extent, step=steps[axis], count=max(1, round(extent / steps[axis]))
            )
        elif organ.fit == "field":
            line = centred(extent, step=steps[axis], count=size)
            cut_off |= extent > steps[axis] * (size + 1)
        else:
            line = centred(extent, step=widest / size, count=size)
        matrix = line.matrix(inside.shape[axis], have[axis])
        if axis == across:
            matrix = matrix[chosen(line, organ.slices)]
        matrices.append(matrix)
    found, kept = resample(values, inside, matrices)
    # shown as on a viewing box: right on the left, front or head upwards, head first
    order = (across, plane[1], plane[0])
    found = found[::-1, ::-1, ::-1].transpose(*order, 3)
    kept = kept[::-1, ::-1, ::-1].transpose(order)
    held = kept.any(axis=(1, 2))
    slices = np.clip(found[held], 0, 1).astype(np.float16)
    return np.ascontiguousarray(slices), bool(cut_off)
