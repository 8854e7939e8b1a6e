"""The demo's genotypes: PLINK files on GRCh37, and who is related to whom.

A few variants err (`edp_core.simulate.variants.BLEMISHES`), some participants have no
genotypes, and some people have genotypes who are not in the participants table.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bed_reader import create_bed

from edp_core.simulate.ancestry import families_of
from edp_core.simulate.chance import stream
from edp_core.simulate.factors import Factors
from edp_core.simulate.genotypes import simulate_genotypes
from edp_core.simulate.kinship import Kinship
from edp_core.simulate.planted import planted_table
from edp_core.simulate.variants import BLEMISHES, DUPLICATED, variant_map

NO_GENOTYPES = "no genotypes"
FAULTS = {NO_GENOTYPES: 7}
"""What is wrong with genotypes → how many participants it befalls."""

WRONG = (
    "genotypes of somebody who is not listed",
    *(f"variant {blemish}" for blemish in BLEMISHES),
)
"""What else is wrong, in words."""

SETTINGS = """\
[genotypes]
bed = "genotypes/demo"
build = "GRCh37"
relatedness = "genotypes/relatedness.csv"
"""


def write_genotypes(
    folder: Path, everyone: Factors, *, faults: np.ndarray, seed: int
) -> None:
    """Write ``genotypes/`` of a study, and the planted variants into its ``truth/``.

    Parameters
    ----------
    faults
        (n_people,) what is wrong with each one's data; who has `NO_GENOTYPES` is left
        out. Those beyond the participants table are not.
    """
    people = everyone.participants
    target = folder / "genotypes"
    target.mkdir()
    # genotype files have an order of their own
    there = stream(seed, "genotyping order").permutation(len(people))
    there = there[faults[there] != NO_GENOTYPES]
    eids = people["eid"].to_numpy(str)
    pairs = families_of(people).pairs
    kinship = Kinship(pairs[np.isin(pairs, there).all(axis=1)])
    variants = variant_map(seed)
    repeat = 1 + (variants["blemish"] == DUPLICATED).to_numpy()
    variants = variants.loc[variants.index.repeat(repeat)]
    properties = {
        "fid": eids[there],
        "iid": eids[there],
        "sex": np.where(people["sex"] == "M", 1, 2)[there],
        "pheno": np.full(len(there), "-9"),
        "chromosome": variants["chrom"].astype(str).to_numpy(),
        "sid": variants["id"].to_numpy(str),
        "bp_position": variants["pos"].to_numpy(),
        "allele_1": variants["effect_allele"].to_numpy(str),
        "allele_2": variants["other_allele"].to_numpy(str),
    }
    with create_bed(
        target / "demo.bed",
        iid_count=len(there),
        sid_count=len(variants),
        properties=properties,
    ) as file:
        for _, dosages in simulate_genotypes(people, seed=seed):
            kinship.add(dosages)
            for row in dosages[:, there]:
                file.write(row)
    table = kinship.table(eids).sort_values(["ID1", "ID2"])
    table.to_csv(target / "relatedness.csv", index=False)
    planted_table().to_parquet(folder / "truth" / "variants.parquet")
