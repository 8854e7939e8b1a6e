"""Genotypes have the structure the docstrings promise, and planted effects."""

from itertools import islice

import numpy as np
import pandas as pd
import pytest
from genelocator import get_genelocator
from scipy import stats

from edp_core.simulate.ancestry import (
    OTHER_ANCESTRY_SHARE,
    families_of,
    family_members,
    genetic_pcs,
)
from edp_core.simulate.chance import normal
from edp_core.simulate.diseases import DISEASES, simulate_disease
from edp_core.simulate.factors import BODY, Factors, simulate_factors
from edp_core.simulate.genotypes import MISSING, planted_dosages, simulate_genotypes
from edp_core.simulate.kinship import Kinship
from edp_core.simulate.planted import PLANTED, planted_table
from edp_core.simulate.variants import (
    BLEMISHES,
    CHROMOSOME_BP,
    DUPLICATED,
    FST,
    MAF,
    MONOMORPHIC,
    SPARSE,
    variant_map,
)

N, SEED = 1500, 5


@pytest.fixture(scope="module")
def people() -> Factors:
    return simulate_factors(N, seed=SEED)


@pytest.fixture(scope="module")
def everything(people: Factors) -> tuple[pd.DataFrame, np.ndarray]:
    parts = list(simulate_genotypes(people.participants, seed=SEED))
    table = pd.concat([variants for variants, _ in parts], ignore_index=True)
    return table, np.vstack([block for _, block in parts])


@pytest.fixture(scope="module")
def drawn(
    everything: tuple[pd.DataFrame, np.ndarray],
) -> tuple[pd.DataFrame, np.ndarray]:
    """Every variant, one that is listed twice once, and all dosages."""
    table, dosages = everything
    first = ~table["id"].duplicated().to_numpy()
    return table[first].reset_index(drop=True), dosages[first]


@pytest.fixture(scope="module")
def apart(people: Factors) -> np.ndarray:
    members = family_members(people.participants)
    return genetic_pcs(members, N, seed=SEED)[1]


@pytest.fixture(scope="module")
def sound(drawn: tuple[pd.DataFrame, np.ndarray]) -> np.ndarray:
    """Dosages as numbers, NaN where missing."""
    values = drawn[1].astype(np.float32)
    values[values == MISSING] = np.nan
    return values


@pytest.fixture(scope="module")
def unrelated(people: Factors) -> np.ndarray:
    rows = np.ones(N, bool)
    rows[families_of(people.participants).pairs.ravel()] = False
    return rows


def correlations(dosages: np.ndarray) -> np.ndarray:
    return np.corrcoef(np.where(np.isnan(dosages), 0, dosages))


def test_every_planted_variant_lies_nearest_to_the_gene_it_names():
    locate = get_genelocator("GRCh37", coding_only=True)
    for one in PLANTED:
        found = {gene["symbol"] for gene in locate.at(str(one.chrom), one.pos)}
        wanted = {"TM6SF2", "MAU2"} if one.gene == "TM6SF2" else {one.gene}
        assert found & wanted, one
        assert one.factor in BODY


def test_planted_factors_are_fat_kidneys_and_a_nuisance():
    genes = planted_table().groupby("factor")["gene"].agg(set)
    assert genes["fat"] == {"PNPLA3", "TM6SF2"}
    assert genes["scarring"] | genes["kidneys"] == {"CASP9", "SLC39A8"}
    assert genes["bone"] == {"ZBTB40", "COLEC10", "FAM3C"}


def test_variants_cover_the_autosomes_in_order():
    table = variant_map(SEED)
    assert 19_500 < len(table) < 20_500 and table["id"].is_unique
    assert table["chrom"].dtype == np.int8 and table["pos"].dtype == np.int32
    assert table[["chrom", "pos"]].apply(tuple, axis=1).is_monotonic_increasing
    counts = table.groupby("chrom").size()
    assert counts.index.tolist() == list(range(1, 23))
    assert stats.pearsonr(counts, CHROMOSOME_BP)[0] > 0.999
    for chrom, rows in table.groupby("chrom"):
        assert rows["pos"].min() >= 1
        assert rows["pos"].max() <= CHROMOSOME_BP[int(chrom) - 1]
        assert rows["pos"].is_unique
    assert (table["effect_allele"] != table["other_allele"]).all()
    assert table["blemish"].value_counts().drop("").to_dict() == BLEMISHES
    here = planted_table().merge(
        table, on=["id", "chrom", "pos", "effect_allele", "af"]
    )
    assert len(here) == len(PLANTED) and (here["blemish"] == "").all()


def test_rare_alleles_are_many_and_none_is_rarer_than_stated():
    table = variant_map(SEED)
    maf = table["af"].clip(upper=1 - table["af"])
    assert maf.min() >= MAF[0] and (maf < 0.1).mean() > 0.5
    # log-uniform, in an independent test
    edges = np.log(np.array(MAF))
    share = (np.log(maf[~table["id"].str.startswith("rs")]) - edges[0]) / np.ptp(edges)
    assert stats.kstest(share, "uniform").pvalue > 0.001


def test_frequencies_are_those_of_the_map(drawn, sound, apart):
    keep = (drawn[0]["blemish"] != MONOMORPHIC).to_numpy()
    found = np.nanmean(sound[keep][:, ~apart], axis=1) / 2
    wanted = drawn[0]["af"].to_numpy()[keep]
    assert stats.linregress(wanted, found).slope == pytest.approx(1, abs=0.01)
    # chance, and a little for the clines
    z = (found - wanted) / np.sqrt(wanted * (1 - wanted) / (2 * (~apart).sum()))
    assert np.abs(z).mean() < 1.2 and abs(np.mean(found - wanted)) < 0.003


def test_genotypes_are_in_hardy_weinberg_proportions(people, sound, unrelated):
    main = unrelated & (np.abs(people.participants["pc1"].to_numpy()) < 0.5)
    part = sound[::20][:, main]
    af = np.nanmean(part, axis=1) / 2
    hets, expected = np.nanmean(part == 1, axis=1), 2 * af * (1 - af)
    assert (hets.sum() / expected.sum()) == pytest.approx(1, abs=0.02)


def test_linkage_decays_within_a_block_and_ends_with_it(drawn, sound):
    table, _ = drawn
    common = (table["af"].between(0.1, 0.9) & (table["blemish"] == "")).to_numpy()
    near, middle, far, between = [], [], [], []
    rows = table[common].assign(row=np.flatnonzero(common))
    last = None
    for _, block in list(rows.groupby(["chrom", "block"], sort=False))[:150]:
        r2 = np.tril(correlations(sound[block["row"]]) ** 2, -1)
        apart = np.abs(np.subtract.outer(*2 * [block["pos"].to_numpy()]))
        pairs = np.tril(np.ones_like(r2, bool), -1)
        near += r2[pairs & (apart < 4000)].tolist()
        middle += r2[pairs & (apart > 15_000) & (apart < 30_000)].tolist()
        far += r2[pairs & (apart > 100_000)].tolist()
        first = int(block["row"].iloc[0])
        if last is not None:
            between.append(correlations(sound[[last, first]])[0, 1] ** 2)
        last = first
    # alleles of unlike frequency cannot correlate well
    assert np.mean(near) > 0.24 > np.mean(middle) > 2 * np.mean(far)
    assert np.quantile(near, 0.95) > 0.6, "some variants tag each other"
    # beyond a block there is what ancestry leaves, and chance: 1/n
    assert np.mean(between) < 5 / N


def test_groups_differ_by_the_stated_fst(drawn, sound, apart):
    assert apart.mean() == pytest.approx(OTHER_ANCESTRY_SHARE, abs=0.02)
    keep = (drawn[0]["blemish"] != MONOMORPHIC).to_numpy()
    p, q = (
        np.nanmean(sound[keep][:, group], axis=1).astype(float) / 2
        for group in (apart, ~apart)
    )
    # Hudson's estimator as a ratio of averages (Bhatia 2013)
    sampling = p * (1 - p) / (2 * apart.sum() - 1) + q * (1 - q) / (2 * (~apart).sum())
    fst = ((p - q) ** 2 - sampling).sum() / (p * (1 - q) + q * (1 - p)).sum()
    assert fst == pytest.approx(FST, rel=0.15)


def test_the_genetic_pcs_capture_the_structure(people, sound, unrelated):
    """PCA of the genotypes finds the given scores, and nothing is left beside them."""
    part = np.nan_to_num(sound[5::20][:, unrelated].astype(float))
    part = part[part.std(axis=1) > 0.15]
    part = (part - part.mean(axis=1, keepdims=True)) / part.std(axis=1, keepdims=True)
    given = people.participants.loc[unrelated, [f"pc{k}" for k in range(1, 11)]]
    design = np.column_stack([np.ones(len(given)), given])
    values, vectors = np.linalg.eigh(part @ part.T / len(given))
    first = vectors[:, -1] @ part
    fit = design @ np.linalg.lstsq(design, first, rcond=None)[0]
    assert np.var(fit) / np.var(first) > 0.9
    rest = part - (np.linalg.lstsq(design, part.T, rcond=None)[0].T @ design.T)
    left = np.linalg.eigvalsh(rest @ rest.T / len(given))[-1]
    assert values[-1] > 3 * left


def test_planted_variants_are_drawn_alike_alone_and_with_all(people, drawn):
    table, dosages = drawn
    alone = planted_dosages(people.participants, seed=SEED)
    for one, alleles in zip(PLANTED, alone, strict=True):
        written = dosages[table.index[table["id"] == one.id][0]]
        there = written != MISSING
        assert there.mean() > 0.99 and (written == alleles)[there].all()


def test_what_errs_is_counted(everything):
    table, dosages = everything
    assert dosages.dtype == np.int8 and len(table) == len(dosages)
    assert set(np.unique(dosages)) == {MISSING, 0, 1, 2}
    absent = (dosages == MISSING).mean(axis=1)
    again = table["id"].duplicated().to_numpy()
    alike = [np.unique(row[row != MISSING]).size == 1 for row in dosages]
    seen = {MONOMORPHIC: sum(alike), SPARSE: (absent > 0.1).sum()}
    assert seen | {DUPLICATED: again.sum()} == BLEMISHES
    for row in np.flatnonzero(again):
        assert (dosages[row] == dosages[row - 1]).all()
        assert table.iloc[row].equals(table.iloc[row - 1])
    assert absent[absent < 0.1].mean() == pytest.approx(0.002, rel=0.05)


def test_relatives_share_haplotypes(people, drawn, sound):
    families = families_of(people.participants)
    table = people.participants
    assert 20 < len(families.pairs) < 60
    assert (table["relatedness"].to_numpy()[families.pairs] > 0).all()
    counted = Kinship(families.pairs)
    counted.add(drawn[1])
    listed = counted.table(table["eid"].to_numpy(str))
    assert listed["Kinship"].between(0.17, 0.33).all()
    ages = table["age_years"].to_numpy()[families.pairs]
    child = np.abs(ages[:, 0] - ages[:, 1]) >= 18
    assert 5 < child.sum() < len(child) - 10
    # a child has an allele of its parent everywhere, siblings only by chance
    assert (listed["IBS0"][child] == 0).all()
    assert (listed["IBS0"][~child] > 0.002).all()
    # the formula once more, person by person
    for (i, j), row in list(zip(families.pairs, listed.itertuples(), strict=True))[:4]:
        a, b = sound[:, i], sound[:, j]
        a, b = (x[~np.isnan(a) & ~np.isnan(b)] for x in (a, b))
        squares = ((a - b) ** 2).sum()
        fewer = min((a == 1).sum(), (b == 1).sum())
        assert row.Kinship == pytest.approx(0.5 - squares / (4 * fewer), abs=1e-4)
        assert row.HetHet == pytest.approx(((a == 1) & (b == 1)).mean(), abs=1e-4)
    lone = np.setdiff1d(np.arange(N), families.pairs)[:200].reshape(-1, 2)
    others = Kinship(lone)
    others.add(drawn[1])
    assert others.table(table["eid"].to_numpy(str))["Kinship"].max() < 0.0442


def test_relatives_come_from_one_place(people):
    pairs = families_of(people.participants).pairs
    scores = people.participants[[f"pc{k}" for k in range(1, 11)]].to_numpy()
    assert np.abs(scores[pairs[:, 0]] - scores[pairs[:, 1]]).max() < 1.0


def test_effects_are_found_again_within_their_error():
    people = simulate_factors(5000, seed=9)
    dosages = planted_dosages(people.participants, seed=9)
    scores = []
    for one, alleles in zip(PLANTED, dosages, strict=True):
        fit = stats.linregress(alleles, people.latent[f"{one.factor}_z"])
        scores.append((fit.slope - one.effect) / fit.stderr)
        assert alleles.mean() / 2 == pytest.approx(one.af, abs=0.03)
    assert np.abs(scores).max() < 3.3
    for factor in BODY:
        assert people.latent[f"{factor}_z"].std() == pytest.approx(1, abs=0.05)


def test_the_nuisance_has_nothing_to_do_with_disease_or_body(people):
    bone = people.latent["bone_z"]
    truth = simulate_disease(people, seed=SEED)
    p = [stats.mannwhitneyu(bone[truth[d.code]], bone[~truth[d.code]]).pvalue
         for d in DISEASES if truth[d.code].sum() > 5]  # fmt: skip
    p += [stats.pearsonr(bone, people.latent[f"{name}_z"]).pvalue
          for name in ("age", "bmi", "male", "fat", "scarring")]  # fmt: skip
    assert min(p) > 0.01 / len(p)


def test_what_no_gene_moves_is_drawn_as_ever(people):
    z = people.latent
    wanted = np.sqrt(1 - 0.2**2) * normal(SEED, "lesion", N) + 0.2 * z["age_z"]
    assert np.allclose(z["lesion_z"], wanted)


def test_the_seed_decides_everything():
    first, again, other = (
        np.vstack(
            [block for _, block in islice(simulate_genotypes(table, seed=seed), 40)]
        )
        for table, seed in (
            (simulate_factors(60, seed=1).participants, 1),
            (simulate_factors(60, seed=1).participants, 1),
            (simulate_factors(60, seed=2).participants, 2),
        )
    )
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_without_relatives_there_are_no_families(people):
    alone = people.participants.assign(relatedness=0)
    assert len(families_of(alone).pairs) == len(families_of(alone).target) == 0
    young = people.participants.assign(age_years=50.0)
    families = families_of(young)
    assert len(families.pairs) and (families.meioses == 2).all()
