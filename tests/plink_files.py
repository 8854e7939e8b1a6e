"""PLINK files for tests, packed here bit by bit: what reads them did not write them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

PLINK2 = shutil.which("plink2")
needs_plink2 = pytest.mark.skipif(PLINK2 is None, reason="plink2 is not installed")
CODES = {2: 0, -1: 1, 1: 2, 0: 3}
"""Copies of the first allele of the .bim → two bits of the .bed."""


def draw(people, variants, *, seed=0, missing=0.0, low=0.05):
    """(variants, people) copies of an allele, −1 missing."""
    rng = np.random.default_rng(seed)
    share = rng.uniform(low, 1 - low, size=(variants, 1))
    copies = rng.binomial(2, share, size=(variants, people))
    return np.where(rng.random(copies.shape) < missing, -1, copies)


def lines(variants, *, chrom=None, step=1000):
    """Lines of a .bim: ``variants`` of them, spread over 22 chromosomes."""
    chrom = np.sort(np.arange(variants) % 22 + 1) if chrom is None else chrom
    return [f"{c}\trs{i}\t0\t{10_000 + step * i}\tA\tG\n" for i, c in enumerate(chrom)]


def write_bed(prefix, copies, *, ids, bim=None, fids=None):
    """Write ``prefix``.bed, .bim and .fam; the folder is made."""
    prefix = Path(prefix)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    people = copies.shape[1]
    bits = np.zeros((len(copies), -(-people // 4) * 4), np.uint8)
    for value, code in CODES.items():
        bits[:, :people][copies == value] = code
    packed = bits.reshape(len(copies), -1, 4) << np.array([0, 2, 4, 6], np.uint8)
    content = b"\x6c\x1b\x01" + packed.sum(axis=2).astype(np.uint8).tobytes()
    Path(f"{prefix}.bed").write_bytes(content)
    Path(f"{prefix}.bim").write_text("".join(bim or lines(len(copies))))
    fids = ids if fids is None else fids
    rows = [f"{f} {i} 0 0 0 -9\n" for f, i in zip(fids, ids, strict=True)]
    Path(f"{prefix}.fam").write_text("".join(rows))
    return prefix
