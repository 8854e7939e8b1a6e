"""Is the live GWAS calibrated on real genotypes? λ, uniformity of p, and power.

1,092 people of 1000 Genomes have embeddings assigned at random, so no variant has an
effect, but genotypes keep their structure, linkage and rare alleles. Phenotypes are
what the studio makes: axes, out-of-fold classifier scores, likeness to clusters,
rank-inverse-normal or not. Ten principal components of the genotypes are adjusted.

    python benchmarks/gwas_calibration.py PREFIX    (a .bed without its ending)
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
from bed_reader import open_bed
from scipy import stats

from edp_core.gwas.association import Association
from edp_core.gwas.basis import Basis
from edp_core.gwas.exact import exact_passes
from edp_core.gwas.preview import Live
from edp_core.gwas.products import Columns, directions, multiply, unit_vectors
from edp_core.scoring.classifier import score_traits
from edp_core.scoring.clusters import cluster_score
from edp_core.scoring.folds import fold_partition
from edp_core.stats.transform import rank_inverse_normal

AXES, COMPONENTS = 48, 10


class Held:
    """Genotypes in memory: (variants, people) float32."""

    def __init__(self, counts: np.ndarray) -> None:
        self.counts = counts

    def read(self, variants: np.ndarray, rows: np.ndarray, /) -> np.ndarray:
        """Copies of the effect allele of some variants and people."""
        return self.counts[np.ix_(variants, rows)]


def scaled(counts: np.ndarray) -> np.ndarray:
    """Variants centred and divided by √(2f(1 − f)), as principal components ask."""
    frequency = counts.mean(axis=1, keepdims=True, dtype=float) / 2
    return (counts - 2 * frequency) / np.sqrt(2 * frequency * (1 - frequency))


def components(counts: np.ndarray, k: int = COMPONENTS) -> np.ndarray:
    """(people, k) first principal components of the genotypes."""
    x = scaled(counts)
    return np.linalg.eigh(x.T @ x)[1][:, ::-1][:, :k]


def unlinked(
    counts: np.ndarray, chromosomes: np.ndarray, pcs: np.ndarray
) -> np.ndarray:
    """Variants of which no two of a chromosome have r² above 0.02 given the components.

    By chance alone r² is 0.0009 on average; of each pair the later one goes.
    """
    x = counts - counts.mean(axis=1, keepdims=True)
    x -= (x @ pcs) @ pcs.T
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    left = np.ones(len(x), bool)
    for chromosome in np.unique(chromosomes):
        rows = np.flatnonzero(chromosomes == chromosome)
        linked = np.square(x[rows] @ x[rows].T) > 0.02
        for i, row in enumerate(rows):
            if left[row]:
                left[rows[i + 1 :][linked[i, i + 1 :]]] = False
    return left


def embedding(rng: np.random.Generator, people: int) -> np.ndarray:
    """Vectors with a few strong directions and heavy tails (Student's t of 4)."""
    mixing = rng.normal(size=(AXES, AXES)) * np.geomspace(3, 0.3, AXES)[:, None]
    return rng.standard_t(4, (people, AXES)) @ mixing


def phenotypes(
    rng: np.random.Generator, people: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """An embedding and families of phenotypes of it, (people, ·) each."""
    z = embedding(rng, people)
    folds = fold_partition(people, 10, seed=int(rng.integers(1000)))
    liability = z @ rng.normal(size=(AXES, 72)) / AXES
    liability /= liability.std(axis=0)
    liability += rng.normal(size=liability.shape)
    share = rng.uniform(0.05, 0.4, 72)
    cases = liability > np.quantile(liability, 1 - share, axis=0).diagonal()
    classified = score_traits(z, cases, folds=folds)
    members = rng.random((people, 48)) < 0.1
    nearness = z @ rng.normal(size=(AXES, 48))
    members &= nearness > np.median(nearness, axis=0)
    clusters = np.column_stack([cluster_score(z, m) for m in members.T])
    some = np.column_stack([classified[:, :36], clusters[:, :36]])
    return z, {
        "axes": z,
        "classifier scores": classified,
        "likeness to clusters": clusters,
        "rank-inverse-normal": np.column_stack(
            [rank_inverse_normal(column) for column in some.T]
        ),
    }


def kept(counts: np.ndarray, vectors: np.ndarray, pcs: np.ndarray) -> Basis:
    """What is kept of the genotypes for one embedding."""
    people = counts.shape[1]
    axes, loadings = directions(vectors)
    unit, _ = directions(unit_vectors(vectors, vectors.mean(axis=0)))
    columns = Columns(pcs - pcs.mean(axis=0), np.hstack([axes, unit]), axes.shape[1])
    sums = multiply(counts.copy(), columns, mac=1, missing=0.1)
    return Basis(
        eids=np.arange(people).astype(str),
        variants=pd.DataFrame(index=sums.kept),
        covariates=columns.covariates,
        columns={"pcs": slice(0, pcs.shape[1])},
        axes=axes,
        unit=unit,
        loadings=loadings,
        by_covariates=sums.by_covariates,
        by_axes=sums.by_axes,
        by_unit=sums.by_unit,
        squares=sums.squares,
    )


def read_off(found: list[Association], among: np.ndarray | None = None) -> pd.DataFrame:
    """λ, KS p and the share below some p of each phenotype, over some variants."""
    rows = []
    for whole in found:
        keep = slice(None) if among is None else among
        one = dataclasses.replace(whole, log10p=whole.log10p[keep])
        p = 10 ** -one.log10p[np.isfinite(one.log10p)]
        rows.append(
            {
                "lambda": one.lambda_gc,
                "r2": one.r2,
                "ks": stats.kstest(p, "uniform").pvalue,
                "below 0.05": np.mean(p < 0.05),
                "below 0.001": np.mean(p < 1e-3),
            }
        )
    return pd.DataFrame(rows)


def line(name: str, table: pd.DataFrame) -> str:
    return (
        f"{name}: {len(table)} phenotypes, mean λ {table['lambda'].mean():.4f} "
        f"(SD {table['lambda'].std():.4f}), KS p > 0.01 for "
        f"{np.mean(table['ks'] > 0.01):.2%}, p < 0.05 for "
        f"{table['below 0.05'].mean():.3%}, p < 0.001 for "
        f"{table['below 0.001'].mean():.4%} of tests; R² {table['r2'].mean():.3f} "
        f"({table['r2'].min():.3f}–{table['r2'].max():.3f})"
    )


def tested(
    counts: np.ndarray, values: np.ndarray, pcs: np.ndarray
) -> list[Association]:
    """Exact passes of all columns of ``values``."""
    return exact_passes(
        Held(counts), np.arange(len(counts)), np.arange(counts.shape[1]),
        values=values, covariates={"pcs": pcs},
    )  # fmt: skip


def planted(
    rng: np.random.Generator, counts: np.ndarray, pcs: np.ndarray, *, level: float
) -> tuple[int, float, float, int]:
    """Planted effects found, expected, their standard deviation, and how many."""
    people, many = counts.shape[1], 400
    x = counts[rng.choice(len(counts), many, replace=False)].astype(float).T
    x -= x.mean(axis=0)
    free = x - pcs @ (pcs.T @ x)
    df = people - COMPONENTS - 2
    explained = rng.uniform(0.01, 0.05, many)
    beta = np.sqrt(explained / (1 - explained) / (free**2).sum(axis=0) * people)
    values = x * beta + rng.normal(size=x.shape)
    centre = beta * np.sqrt((free**2).sum(axis=0))
    power = stats.ncf.sf(stats.f.isf(level, 1, df), 1, df, centre**2)
    found = tested(x.T.astype(np.float32), values, pcs)
    hits = sum(one.log10p[i] > -np.log10(level) for i, one in enumerate(found))
    return int(hits), power.sum(), np.sqrt((power * (1 - power)).sum()), many


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prefix", type=Path, help="a .bed without its ending")
    parser.add_argument("--embeddings", type=int, default=5)
    parser.add_argument("--noise", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    with open_bed(f"{args.prefix}.bed") as bed:
        counts = np.ascontiguousarray(bed.read(dtype="float32").T)
        chromosomes = bed.chromosome
    variants, people = counts.shape
    pcs = components(counts)
    apart = unlinked(counts, chromosomes, pcs)
    print(f"{variants} variants, {people} people, {args.embeddings} embeddings")
    exact, thinner, shown = [], [], []
    for _ in range(args.embeddings):
        z, made = phenotypes(rng, people)
        family = [name for name, part in made.items() for _ in range(part.shape[1])]
        values = np.hstack(list(made.values()))
        found = tested(counts, values, pcs)
        exact.append(read_off(found).assign(family=family))
        thinner.append(read_off(found, apart).assign(family=family))
        live = Live(kept(counts, z, pcs))
        seen = [live.preview(column, covariates=["pcs"]) for column in values.T]
        shown.append(read_off(seen).assign(family=family))
    for title, tables in (
        ("exact passes", exact),
        (f"exact passes, {apart.sum()} variants without linkage", thinner),
        ("previews", shown),
    ):
        table = pd.concat(tables, ignore_index=True)
        print(title)
        for name, part in table.groupby("family", sort=False):
            print("  " + line(name, part))
        print("  " + line("all", table))
    print("exact passes of normal phenotypes, to tell linkage from error")
    noise = rng.normal(size=(people, args.noise))
    found = tested(counts, noise, pcs)
    print("  " + line("genotypes as they are", read_off(found)))
    print("  " + line("variants without linkage", read_off(found, apart)))
    shuffled = rng.permuted(counts, axis=1)
    print("  " + line("each variant shuffled", read_off(tested(shuffled, noise, pcs))))
    for level in (1e-3, 5e-8):
        hits, expected, spread, many = planted(rng, counts, pcs, level=level)
        print(
            f"planted at p < {level:g}: {hits} of {many} found, theory {expected:.1f} "
            f"± {1.96 * spread:.1f} (95 %)"
        )


if __name__ == "__main__":
    main()
