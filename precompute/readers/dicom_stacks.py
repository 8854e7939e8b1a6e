"""Sorts DICOM slices into stacks: by series, place along the body, and time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from pydicom.dataset import Dataset

from precompute.readers.dicom_files import DAMAGED_DICOM
from precompute.readers.reasons import Unusable, refusing

_ANGLE = 1e-3
"""Directions whose parts differ by less are the same."""
_PLACE_MM = 0.05
"""Slices closer than this lie at one place; none is as thin."""
_GAP = 1.5
"""A gap wider than so many usual ones is a missing slice."""
_SHIFT = 0.5
"""Slices may lie this much of a pixel off the line through the first one."""
MISSING = "time points are missing in some slices"
UNEVEN = "slices are missing or uneven"
TWICE = "several series at one place"
_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class Slice:
    """One slice of one time point."""

    dataset: Dataset
    series: str
    """Uid of its series."""
    description: str
    number: float
    """Number of its series: a later scan has a higher one."""
    acquisition: str
    order: tuple[float, float]
    """Time after the heartbeat in ms (NaN: not known) and number of the image."""
    position: np.ndarray
    """(3,) centre of the first pixel in mm, LPS."""
    directions: np.ndarray
    """(2, 3) unit vectors along a row and down a column, LPS."""
    grid: tuple[float, ...]
    """Rows, columns, distance of rows and of columns in mm."""
    thickness_mm: float

    @property
    def along(self) -> float:
        """Place along the normal, in mm."""
        return float(self.position @ np.cross(*self.directions))


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices of one time point, evenly apart and in order along their normal."""

    slices: tuple[Slice, ...]
    spacing_mm: float

    @property
    def low(self) -> float:
        """Face before the first slice, along the normal."""
        return self.slices[0].along - self.spacing_mm / 2

    @property
    def high(self) -> float:
        """Face behind the last slice."""
        return self.slices[-1].along + self.spacing_mm / 2

    @property
    def affine(self) -> np.ndarray:
        """(4, 4) from (column, row, slice) to mm in RAS."""
        first = self.slices[0]
        _, _, row_mm, column_mm = first.grid
        affine = np.eye(4)
        affine[:3, 0] = first.directions[0] * column_mm
        affine[:3, 1] = first.directions[1] * row_mm
        affine[:3, 2] = np.cross(*first.directions) * self.spacing_mm
        affine[:3, 3] = first.position
        # DICOM counts to the left and the back, NIfTI to the right and the front
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def slice_of(found: Dataset) -> Slice:
    """What a DICOM file says of its place.

    Raises
    ------
    Unusable
        Where it does not say it, or says what cannot be.
    """
    with refusing(DAMAGED_DICOM):
        position = np.array(found.get("ImagePositionPatient") or [], np.float64)
        directions = np.array(found.get("ImageOrientationPatient") or [], np.float64)
        spacing = np.array(found.get("PixelSpacing") or [], np.float64)
        if (position.size, directions.size, spacing.size) != (3, 6, 2):
            raise Unusable("DICOM image without a position")
        directions = directions.reshape(2, 3)
        square = np.abs(directions @ directions.T - np.eye(2)).max()
        # written so that NaN is refused too
        if not (square < 1e-2 and (spacing > 0).all() and np.isfinite(position).all()):
            raise Unusable("voxel geometry is singular or not finite")
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        between = found.get("SpacingBetweenSlices") or found.get("SliceThickness") or 1
        return Slice(
            dataset=found,
            series=str(found.get("SeriesInstanceUID", "")),
            description=str(found.get("SeriesDescription", "")),
            number=float(found.get("SeriesNumber") or 0),
            acquisition=str(found.get("AcquisitionNumber", "")),
            order=(
                float(_or(found.get("TriggerTime"), "nan")),
                float(_or(found.get("InstanceNumber"), 0)),
            ),
            position=position,
            directions=directions,
            grid=(int(found.Rows), int(found.Columns), *spacing.tolist()),
            thickness_mm=abs(float(between)) or 1.0,
        )


def _or(value: _T | None, default: _T | str) -> _T | str:
    return default if value is None or value == "" else value


def stacks_of(slices: Sequence[Slice], *, frame: int) -> list[Stack]:
    """Arrange the slices of one channel.

    A series is a stack, or several where its acquisitions are. Series of one slice
    each make one stack together. Of a stack that was scanned again under the same
    description, the later one is taken.

    Parameters
    ----------
    slices
        All time points of all series of the channel.
    frame
        The time point that is kept, from 0.

    Returns
    -------
    list of Stack
        Each at its own place.

    Raises
    ------
    Unusable
        Where slices are missing, differ in grid or angle, or share a place.
    """
    first = slices[0].directions
    if any(np.abs(s.directions - first).max() > _ANGLE for s in slices):
        raise Unusable("series lie at different angles")
    stacks: list[Stack] = []
    singles: list[list[Slice]] = []
    for series in _split(slices, lambda s: s.series):
        places = _places(series)
        if len(places) == 1:
            singles.append(places[0])
            continue
        stacks += [_stack(part, frame) for part in _acquisitions(series, places)]
    if singles:
        places = _latest(singles)
        # else a slice that lacks one would be read at another time
        if len({len(place) for place in places}) > 1:
            raise Unusable(MISSING)
        stacks.append(_stack(places, frame))
    return _without_repeats(stacks)


def _split(
    slices: Iterable[Slice], key: Callable[[Slice], Hashable]
) -> list[list[Slice]]:
    parts: dict[Hashable, list[Slice]] = defaultdict(list)
    for one in slices:
        parts[key(one)].append(one)
    return list(parts.values())


def _places(slices: Iterable[Slice]) -> list[list[Slice]]:
    """Slices at each place along the normal, in its order."""
    places: list[list[Slice]] = []
    for one in sorted(slices, key=lambda s: s.along):
        if places and one.along - places[-1][0].along < _PLACE_MM:
            places[-1].append(one)
        else:
            places.append([one])
    return places


def _problem(places: list[list[Slice]]) -> str:
    """Why slices at these places are not one stack, or nothing."""
    if len({len(place) for place in places}) > 1:
        return MISSING
    return "" if _even([place[0].along for place in places]) else UNEVEN


def _even(along: list[float]) -> bool:
    gaps = np.diff(along)
    if not len(gaps):
        return True
    usual = float(np.median(gaps))
    return bool((gaps <= _GAP * usual).all() and (gaps >= usual / 2).all())


def _acquisitions(
    series: list[Slice], places: list[list[Slice]]
) -> list[list[list[Slice]]]:
    """A series as one stack, or as one for each of its acquisitions."""
    problem = _problem(places)
    if not problem:
        return [places]
    parts = [_places(part) for part in _split(series, lambda s: s.acquisition)]
    if len(parts) == 1 or any(len(part) == 1 or _problem(part) for part in parts):
        raise Unusable(problem)
    return parts


def _latest(singles: list[list[Slice]]) -> list[list[Slice]]:
    """Series of one slice each in order; one scanned again goes by its last scan."""
    places: list[list[Slice]] = []
    for series in sorted(singles, key=lambda part: part[0].along):
        if not places or series[0].along - places[-1][0].along >= _PLACE_MM:
            places.append(series)
            continue
        places[-1] = _later(places[-1], series, lambda part: part[0])
    return places


def _later(one: _T, two: _T, first: Callable[[_T], Slice]) -> _T:
    """The later of two scans of one place, told by the number of the series."""
    a, b = first(one), first(two)
    key = (a.number, a.acquisition), (b.number, b.acquisition)
    if a.description != b.description or key[0] == key[1]:
        raise Unusable(TWICE)
    return two if key[1] > key[0] else one


def _stack(places: list[list[Slice]], frame: int) -> Stack:
    least = min(len(place) for place in places)
    if not 0 <= frame < least:
        raise Unusable(f"has only {least} time point{'s' if least > 1 else ''}")
    chosen = tuple(_in_time(place)[frame] for place in places)
    first = chosen[0]
    if any(not np.allclose(s.grid, first.grid, rtol=1e-4, atol=0) for s in chosen):
        raise Unusable("slices of different grids")
    along = [one.along for one in chosen]
    if not _even(along):
        raise Unusable(UNEVEN)
    normal = np.cross(*first.directions)
    for one in chosen:
        off = one.position - first.position - (one.along - first.along) * normal
        if np.linalg.norm(off) > _SHIFT * min(first.grid[2:]):
            raise Unusable("slices are shifted against each other")
    if len(chosen) == 1:
        return Stack(chosen, first.thickness_mm)
    return Stack(chosen, (along[-1] - along[0]) / (len(along) - 1))


def _in_time(place: list[Slice]) -> list[Slice]:
    if any(np.isnan(one.order[0]) for one in place):
        return sorted(place, key=lambda one: one.order[1])
    return sorted(place, key=lambda one: one.order)


def _without_repeats(stacks: list[Stack]) -> list[Stack]:
    """Drop a stack of which most was scanned again."""
    kept: list[Stack] = []
    for stack in sorted(stacks, key=lambda s: s.low):
        kept.append(stack)
        for one, two in pairwise(kept[-2:]):
            shared = min(one.high, two.high) - max(one.low, two.low)
            if shared > min(one.high - one.low, two.high - two.low) / 2:
                kept[-2:] = [_later(one, two, lambda s: s.slices[0])]
    return kept
