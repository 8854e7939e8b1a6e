"""Every trait in every cluster, or in a group and the rest: one table for both."""

from __future__ import annotations

import numpy as np
import pandas as pd

from edp_core.people.phenome import Phenome
from edp_core.scoring import adjust
from edp_core.scoring.enrichment import enrichment

DEMOGRAPHICS = ("age_years", "sex")
"""What odds ratios are adjusted for; not BMI, which may lie on the way."""


def trait_table(
    labels: np.ndarray,
    phenome: Phenome,
    participants: pd.DataFrame,
    *,
    seen: np.ndarray,
    least: int,
) -> pd.DataFrame:
    """Test every trait that enough people have, raw and adjusted.

    Parameters
    ----------
    labels
        (n_seen,) cluster of each participant with an embedding.
    phenome, participants
        Of the cohort, row by row.
    seen
        (n_seen,) row of each of them in the cohort.
    least
        Fewest cases of a trait, and in each cell of an adjusted odds ratio.

    Returns
    -------
    DataFrame
        ``code, name, chapter`` and the columns of `enrichment`, cluster by cluster.
    """
    codes = phenome.traits["code"].to_numpy()
    cases = phenome.matrix(list(codes)).tocsr()[seen]
    enough = np.flatnonzero(np.asarray(cases.sum(axis=0)).ravel() >= least)
    names = phenome.traits.iloc[enough][["code", "name", "chapter"]].reset_index(
        drop=True
    )
    people = participants.iloc[seen]
    known = [name for name in DEMOGRAPHICS if name in people.columns]
    if "age_years" in known:
        # people of one age are counted together: tenths of a year are fine enough
        people = people.assign(age_years=people["age_years"].round(1))
    table = enrichment(
        labels,
        cases[:, enough],
        eligible=phenome.eligibility(list(codes[enough])).among(seen),
        covariates=adjust.design_matrix(people, known),
        least=least,
    )
    joined = names.iloc[table["trait"].to_numpy()].reset_index(drop=True)
    return pd.concat(
        [joined, table.drop(columns="trait").reset_index(drop=True)], axis=1
    )
