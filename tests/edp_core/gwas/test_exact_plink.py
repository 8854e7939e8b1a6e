"""plink2 and ours agree to its printed digits on complete data."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bed_reader import open_bed, to_bed
from small_bases import genotypes, make_basis, passed

from edp_core.gwas.association import Association
from edp_core.gwas.preview import preview

PEOPLE = 350


def plink(
    folder: Path, bed: Path, values: np.ndarray, covariates: np.ndarray
) -> pd.DataFrame:
    """plink2's linear regressions of people in the file's order."""
    if shutil.which("plink2") is None:
        pytest.skip("plink2 is not here")
    fam = pd.read_csv(bed.with_suffix(".fam"), sep=r"\s+", header=None, dtype=str)
    table = pd.DataFrame({"#FID": fam[0], "IID": fam[1]})
    told = "allow-no-covars"
    command = f"plink2 --bfile {bed.with_suffix('')} --threads 1 --allow-extra-chr"
    score = table.assign(y=values).fillna("NA")
    score.to_csv(folder / "score.txt", sep="\t", index=False)
    if covariates.shape[1]:
        names = [f"c{i}" for i in range(covariates.shape[1])]
        wide = pd.concat([table, pd.DataFrame(covariates, columns=names)], axis=1)
        wide.to_csv(folder / "wide.txt", sep="\t", index=False)
        command += " --covar wide.txt --covar-variance-standardize"
        told = "hide-covar"
    command += f" --pheno score.txt --glm {told} log10 cols=+a1freq,+se --out found"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    found = pd.read_csv(folder / "found.y.glm.linear", sep="\t")
    return found[found["TEST"] == "ADD"].reset_index(drop=True)


def agree(found: Association, peer: pd.DataFrame, effect_allele: np.ndarray) -> None:
    """To plink2's printed digits, its counted allele turned to ours."""
    sign = np.where(peer["A1"].to_numpy() == effect_allele, 1, -1)
    beta, se = sign * peer["BETA"].to_numpy(), peer["SE"].to_numpy()
    tested = np.isfinite(beta)
    assert tested.mean() > 0.99
    np.testing.assert_array_less(np.abs(found.beta - beta)[tested], 1e-4 * se[tested])
    np.testing.assert_allclose(found.se[tested], se[tested], rtol=1e-5)
    log10p = peer["LOG10_P"].to_numpy()
    np.testing.assert_allclose(
        found.log10p[tested], log10p[tested], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("adjusted", [False, True])
def test_plink2_on_a_random_bed(tmp_path: Path, adjusted: bool) -> None:
    rng = np.random.default_rng(7)
    centre = np.eye(3)[rng.integers(0, 3, PEOPLE)][:, 1:]
    covariates = {"age": rng.uniform(40, 70, PEOPLE), "centre": centre}
    counts = genotypes(rng, people=PEOPLE, variants=200)
    bed = tmp_path / "random.bed"
    to_bed(str(bed), counts.T.astype(np.float32))
    values = rng.normal(size=PEOPLE) + 2 * counts[0] + 0.2 * counts[1]
    used = covariates if adjusted else {}
    found = passed(counts, values, used)
    design = np.column_stack([np.zeros((PEOPLE, 0)), *used.values()])
    peer = plink(tmp_path, bed, values, design)
    with open_bed(bed) as opened:
        agree(found, peer, opened.allele_1)


@pytest.mark.data
@pytest.mark.parametrize("adjusted", [False, True])
def test_plink2_on_real_genotypes(
    data_dir: Path, tmp_path: Path, adjusted: bool
) -> None:
    folder = data_dir / "genetics" / "plink-real"
    bed = next(folder.glob("1kg*.bed"))
    with open_bed(bed) as opened:
        real, effect = opened.read(dtype="float32").T, opened.allele_1
    rng = np.random.default_rng(8)
    design = np.zeros((real.shape[1], 0))
    if adjusted:  # what structure there is, and a category
        x = (real - real.mean(axis=1, keepdims=True)) / real.std(axis=1, keepdims=True)
        leading = np.linalg.eigh(x.T @ x)[1][:, -10:]
        design = np.column_stack([leading, rng.integers(0, 2, real.shape[1])])
    vectors = (
        rng.standard_t(4, (real.shape[1], 12))
        + real[[5, 900, 4000]].sum(axis=0)[:, None]
    )
    values = vectors @ rng.normal(size=12) + 3 * real[7000]
    peer = plink(tmp_path, bed, values, design)
    agree(passed(real, values, {"design": design}), peer, effect)
    linear = vectors @ rng.normal(size=12)
    peer = plink(tmp_path, bed, linear, design)
    basis = make_basis(real.astype(float), vectors, {"design": design})
    agree(preview(basis, linear, covariates=["design"]), peer, effect)
