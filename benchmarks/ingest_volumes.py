"""Crop, resample and cut whole-body Dixon volumes: ours against nibabel and scipy.

Simulated volumes of UK Biobank's stitched size, 224 x 174 x 370 voxels in two channels
with a mask of the liver, as .nii.gz of int16. Ours reads, crops, scales, resamples to
2 mm, cuts and resizes to 144 x 144. The peer is what a script does: `get_fdata`, mask,
crop, `scipy.ndimage.zoom` to the same grid. Both in one process on one thread; then
ours alone on all cores as `ingest` runs it, for hours and memory.

    python benchmarks/ingest_volumes.py [--volumes 8]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import nibabel as nib
import numpy as np
from scipy import ndimage

from edp_core.settings.organs import Organ
from precompute.datasets import ImageFile, find_images
from precompute.ingest_images import ingest_images
from precompute.volumes import read_slices

SHAPE, SPACING = (224, 174, 370), (2.232, 2.232, 3.0)
SCANS = 45_714
ORGAN = Organ(
    preset="liver",
    images="{eid}_20201_2_0/{channel}.nii.gz",
    mask="{eid}_20201_2_0/mask.nii.gz",
    channels=2,
    channel_names=("fat", "water"),
    image_size=144,
    spacing_mm=2.0,
)


def simulate(folder: Path, count: int) -> None:
    """Write volumes whose noise compresses about as badly as a scanner's."""
    affine = np.diag([*SPACING, 1.0])
    axes = [np.linspace(-1, 1, n) for n in SHAPE]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    body = (x / 0.85) ** 2 + (y / 0.8) ** 2 < 1
    for i in range(count):
        rng = np.random.default_rng(i)
        liver = ((x + 0.3) / 0.42) ** 2 + (y / 0.5) ** 2 + ((z - 0.2) / 0.22) ** 2 < 1
        place = folder / f"{1000 + i}_20201_2_0"
        place.mkdir()
        for name, level in (("fat", 60), ("water", 400)):
            noise = rng.normal(0, 12, SHAPE).astype(np.float32)
            values = np.abs(noise + level * body * (1 + 0.3 * liver))
            nib.save(
                nib.Nifti1Image(values.astype(np.int16), affine),
                place / f"{name}.nii.gz",
            )
        nib.save(
            nib.Nifti1Image((liver & body).astype(np.uint8), affine),
            place / "mask.nii.gz",
        )


def peer(image: ImageFile) -> np.ndarray:
    """The usual script, to the same grid."""
    assert image.mask is not None
    mask = nib.load(image.mask.path).get_fdata() > 0
    held = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {a}))) for a in range(3)]
    box = tuple(slice(h[0], h[-1] + 1) for h in held)
    volumes = [nib.load(s.path).get_fdata() * mask for s in image.sources]
    values = np.stack([v[box] for v in volumes])
    high = np.percentile(values[:, mask[box]], 99.5)
    extents = [n * s for n, s in zip(values.shape[1:], SPACING, strict=True)]
    pixel = max(extents[:2]) / 144
    steps = (pixel, pixel, 2.0)
    zoom = [s / to for s, to in zip(SPACING, steps, strict=True)]
    resized = np.stack([ndimage.zoom(v, zoom, order=1) for v in values])
    return np.clip(resized / high, 0, 1).astype(np.float16)


def on_all_cores(folder: Path) -> None:
    """Ingest as a run does it, and say what it took; for a process of its own."""
    images, _ = find_images(folder, ORGAN)
    with tempfile.TemporaryDirectory() as out:
        work, folder_out = Path(out) / "work", Path(out) / "out"
        work.mkdir()
        folder_out.mkdir()
        start = time.perf_counter()
        ingest_images(
            images,
            ORGAN,
            eids=np.array([image.eid for image in images]),
            notes={},
            workspace=work,
            folder=folder_out,
            report=lambda *_: None,
        )
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--volumes", type=int, default=8)
    parser.add_argument("--all-cores", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.all_cores:
        on_all_cores(given.all_cores)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        simulate(folder, given.volumes)
        size = sum(p.stat().st_size for p in folder.rglob("*.gz")) / given.volumes / 1e6
        print(f"{given.volumes} volumes of {SHAPE} x 2, {size:.0f} MB each on disk")
        images, _ = find_images(folder, ORGAN)
        ours, theirs, cpu = [], [], []
        for image in images:
            start, used = time.perf_counter(), time.process_time()
            found = read_slices(image, ORGAN, names={})
            ours.append(time.perf_counter() - start)
            cpu.append(time.process_time() - used)
            start = time.perf_counter()
            peer(image)
            theirs.append(time.perf_counter() - start)
        print(f"slices of the last: {found.slices.shape} {found.slices.dtype}")
        a, b = np.median(ours), np.median(theirs)
        print(
            f"one thread: ours {a:.2f} s, {1 / a:.2f} volumes/s per core "
            f"(CPU {np.median(cpu):.2f} s); "
            f"nibabel + scipy {b:.2f} s; ratio {b / a:.1f}"
        )
        done = subprocess.run(
            [sys.executable, __file__, "--all-cores", str(folder)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        got = json.loads(done.stdout.splitlines()[-1])
        rate = given.volumes / got["seconds"]
        print(
            f"ingest on {os.cpu_count()} cores: {rate:.2f} volumes/s, peak memory "
            f"{got['peak_mb']:.0f} MB; {SCANS:,} scans: {SCANS / rate / 3600:.1f} h"
        )


if __name__ == "__main__":
    main()
