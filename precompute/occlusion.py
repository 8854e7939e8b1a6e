"""Analyse: images of some people with parts left out, through their encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edp_core.appraisal.exemplars import spread
from edp_core.appraisal.occlusion import Occlusion
from edp_core.appraisal.occlusion_files import write_occlusion
from edp_core.errors import InputError
from edp_core.settings.analysis import Analysis
from edp_core.settings.encoders import MaeEncoder
from edp_core.slices import open_slices
from edp_core.store import read_array, read_table
from edp_core.vectors.embedding import first_imaging
from precompute.encode import load_encoder
from precompute.encoders.augment import normalise, to_unit
from precompute.encoders.mae import MaskedAutoencoder

Report = Callable[[int, int], None]
BATCH = 64
"""Images with parts left out that go through the encoder at once."""


def make_occlusion(
    source: Path,
    encoder_dir: Path,
    settings: MaeEncoder,
    *,
    clusters: np.ndarray,
    analysis: Analysis,
    folder: Path,
    report: Report = lambda done, total: None,
) -> None:
    """Write the occlusion of a sample of people spread over the clusters.

    Parameters
    ----------
    source
        Images artifact, of the images the encoder's embedding is of.
    encoder_dir
        The encoder's artifact.
    settings
        Which block is read and how it is pooled.
    clusters
        (n_seen,) of everybody with an embedding, sorted by id.
    analysis
        How many people, how many parts, and the seed of the draw.
    folder
        Takes what `edp_core.appraisal.occlusion.Occlusion` holds.

    Raises
    ------
    InputError
        Where an image is one patch, or the encoder gives numbers that are not finite.
    """
    of = first_imaging(read_table(source, "rows"))
    person = np.unique(of["eid"].to_numpy(str), return_inverse=True)[1]
    order = np.lexsort((of["side"].to_numpy(str), person))
    drawn = spread(clusters, analysis.occlusion_people, seed=analysis.seed)
    chosen = order[np.isin(person[order], drawn)]
    counts = read_array(source, "counts").astype(np.int64)
    ends = np.cumsum(counts)
    slices = open_slices(source)
    network = Occluding(encoder_dir, settings, across=analysis.occlusion_blocks)
    plain, changes = [], []
    for done, image in enumerate(of.index.to_numpy()[chosen], start=1):
        pixels = slices[int(ends[image] - counts[image]) : int(ends[image])]
        whole, without = network.read(pixels)
        plain.append(whole.astype(np.float32))
        changes.append((without - whole).astype(np.float16))
        report(done, len(chosen))
    if not all(np.isfinite(part).all() for part in (*plain, *changes)):
        raise InputError(
            "The encoder gives numbers that are not finite where parts are left out",
            "lower base_lr in [encoders.*] and train again",
        )
    rows = person[chosen].astype(np.int64)
    write_occlusion(
        folder,
        Occlusion(
            rows=rows,
            sides=of["side"].to_numpy(str)[chosen],
            shares=1 / np.bincount(rows)[rows],
            edges=np.array(network.edges) / network.edges[-1],
            plain=np.stack(plain),
            changes=np.stack(changes),
        ),
    )


class Occluding:
    """An encoder that reads images whole and with each part left out.

    Parameters
    ----------
    encoder_dir
        Artifact of a masked autoencoder.
    settings
        Which block is read and how it is pooled.
    across
        Most parts along an edge.

    Raises
    ------
    InputError
        Where an image is one patch.
    """

    def __init__(self, encoder_dir: Path, settings: MaeEncoder, *, across: int) -> None:
        model, self.config = load_encoder(encoder_dir)
        assert isinstance(model, MaskedAutoencoder)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device)
        self.reading: dict[str, Any] = {
            "block": settings.block,
            "pooling": settings.pooling,
        }
        self.edges = bounds(round(model.n_patches**0.5), across)
        """Bounds of the parts along an edge, in patches."""
        self.kept = [
            (parts, kept.to(self.device)) for parts, kept in kept_patches(self.edges)
        ]

    def read(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vector of an image, and one for each part left out of all its slices.

        Parameters
        ----------
        pixels
            (k, H, H, C) its slices, uint8, or float16 in 0–1.

        Returns
        -------
        whole
            (n_axes,) float64, the mean over the slices.
        without
            (n_parts, n_axes) float64, parts row by row.
        """
        unit = to_unit(pixels, size=self.config["image_size"], device=self.device)
        images = normalise(unit, self.config["mean"], self.config["sd"])
        n_parts = (len(self.edges) - 1) ** 2
        with torch.inference_mode():
            whole = self.model.embed(images, **self.reading)
            mean = whole.double().mean(dim=0).cpu().numpy()
            without = np.zeros((n_parts, len(mean)))
            for parts, kept in self.kept:
                without[parts] = self._without(images, kept)
        return mean, without

    def _without(self, images: Tensor, kept: Tensor) -> np.ndarray:
        """Mean vectors over the slices, (len(kept), n_axes); ``kept`` is (parts, K)."""
        which = [(part, s) for part in range(len(kept)) for s in range(len(images))]
        vectors = []
        for start in range(0, len(which), BATCH):
            part, at = torch.tensor(which[start : start + BATCH]).T.to(self.device)
            found = self.model.embed(images[at], visible=kept[part], **self.reading)
            vectors.append(found.double().cpu())
        together = torch.cat(vectors).reshape(len(kept), len(images), -1)
        return together.mean(dim=1).numpy()


def bounds(patches: int, across: int) -> list[int]:
    """Bounds of at most ``across`` parts of about equal length.

    Examples
    --------
    >>> bounds(14, 8), bounds(6, 8), bounds(5, 4)
    ([0, 2, 4, 6, 8, 10, 12, 14], [0, 1, 2, 3, 4, 5, 6], [0, 1, 3, 5])

    Raises
    ------
    InputError
        Where there is one patch.
    """
    if patches < 2:
        raise InputError(
            "An image is one patch: nothing is left when it is left out",
            "make patch smaller in [organs.*], or set occlusion_people = 0 in "
            "[analysis]",
        )
    length = -(-patches // across)
    parts = -(-patches // length)
    return [i * patches // parts for i in range(parts)] + [patches]


def kept_patches(edges: Sequence[int]) -> list[tuple[list[int], Tensor]]:
    """Parts that are equally large, and the patches left of an image without each.

    Returns
    -------
    Lists of parts, numbered row by row, each with (parts, K) patch numbers in order.
    """
    side = edges[-1]
    patch = torch.arange(side**2).reshape(side, side)
    spans = [slice(a, b) for a, b in pairwise(edges)]
    found: dict[int, tuple[list[int], list[Tensor]]] = {}
    for number, (rows, columns) in enumerate((r, c) for r in spans for c in spans):
        keep = torch.ones(side, side, dtype=torch.bool)
        keep[rows, columns] = False
        parts, kept = found.setdefault(int(keep.sum()), ([], []))
        parts.append(number)
        kept.append(patch[keep])
    return [(parts, torch.stack(kept)) for parts, kept in found.values()]
