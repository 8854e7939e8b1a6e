"""PheWAS of binary traits: ours beside statsmodels fitted one by one, in one run.

Traits have log-uniform numbers of cases, age, sex and centre change their risk, a third
follow the phenotype a little. Adjusted for age, sex, BMI, centre (3 levels) and imaging
date. Three ways: everybody counts for every trait; exclusions as phecodes have (ranges
of five traits, one range in five of one sex); traits whose rarest have ten cases, so
that some are separated and fitted by Firth's method. Ours is the whole call `phewas`.
The peer is `statsmodels.api.Logit(...).fit()` with its defaults on each trait's people
and columns, taken from a matrix made beforehand; it is timed on traits of evenly spaced
numbers of cases, without the separated ones, which it cannot fit, and scaled. Threads
are what the environment allows, the same for both.

CPU seconds are told as well: beside other work they are the ones to compare.

    python benchmarks/phewas.py
"""

from __future__ import annotations

import argparse
import os
import time
import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.special import expit

from edp_core.inputs import Inputs
from edp_core.people.traits import Trait, assembled
from edp_core.phewas.scan import covariate_choice, phewas

WAYS = {"everybody": 45, "exclusions": 45, "rare": 10}
"""Way → cases of the rarest trait."""


def simulate(args: argparse.Namespace, way: str) -> tuple[Inputs, np.ndarray]:
    """A study and a phenotype."""
    rng = np.random.default_rng(args.seed)
    n = args.participants
    eids = np.sort(rng.choice(10**7, n, replace=False)).astype(str)
    sex = rng.choice(["F", "M"], n)
    age = rng.uniform(45, 80, n)
    people = pd.DataFrame(
        {
            "eid": np.sort(eids), "sex": sex, "age_years": age,
            "bmi": rng.normal(27, 4, n),
            "centre": rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
            "imaging_date": rng.uniform(2014, 2022, n),
        }
    )  # fmt: skip
    values = 0.02 * age + rng.normal(size=n)
    cases = []
    for number in np.geomspace(WAYS[way], n / 10, args.traits)[
        rng.permutation(args.traits)
    ]:
        effect = rng.choice([0.0, 0.0, 0.15])
        risk = 0.04 * (age - 62) + rng.normal(0, 0.3) * (sex == "M") + effect * values
        share = number / n / np.mean(np.exp(risk))
        cases.append(rng.random(n) < expit(np.log(share) + risk))
    traits = []
    for k, ill in enumerate(cases):
        aside = None
        if way == "exclusions":
            first = k - k % 5
            others = np.any(cases[first : first + 5], axis=0)
            if (first // 5) % 5 == 0:
                others, ill = others | (sex == "M"), ill & (sex == "F")
            aside = np.flatnonzero(others).astype(np.int32)
        rows = np.flatnonzero(ill)
        traits.append(Trait(f"{k:04d}", "", "", "phecode", rows, "", aside))
    phenome = assembled(traits, [np.zeros(0)] * len(traits), people["eid"].to_numpy())
    return Inputs("all", {}, people, phenome, categories=("sex", "centre")), values


def peer(
    inputs: Inputs, x: pd.DataFrame, code: str
) -> tuple[float, tuple[float, float, float]]:
    """Seconds of one fit, and its coefficient, standard error and p."""
    start = time.perf_counter()
    counted = inputs.phenome.eligible(code)
    y = inputs.phenome.cases(code)[counted].astype(float)
    columns = x.to_numpy()[counted]
    columns = columns[:, (np.ptp(columns, axis=0) > 0) | (np.arange(x.shape[1]) == 0)]
    fit = sm.Logit(y, columns).fit(disp=False)
    fit.conf_int()
    found = (fit.params[-1], fit.bse[-1], fit.pvalues[-1])
    return time.perf_counter() - start, found


def compare(way: str, args: argparse.Namespace) -> None:
    inputs, values = simulate(args, way)
    covariates = covariate_choice(inputs)
    seconds, busy = [], []
    for _ in range(args.repeats):
        start, began = time.perf_counter(), time.process_time()
        table = phewas(values, inputs, covariates=covariates, fields=False)
        seconds.append(time.perf_counter() - start)
        busy.append(time.process_time() - began)
    x = pd.get_dummies(
        inputs.participants[list(covariates)], columns=["sex", "centre"],
        drop_first=True, dtype=float,
    )  # fmt: skip
    x.insert(0, "one", 1.0)
    x["phenotype"] = (values - values.mean()) / values.std()
    fitted = table[table["method"] == "ml"].sort_values("n_cases")
    places = (np.arange(args.peer_traits) + 0.5) / args.peer_traits * len(fitted)
    apart, theirs, began = np.zeros(3), 0.0, time.process_time()
    for row in fitted.iloc[places.astype(int)].itertuples():
        took, (beta, se, p) = peer(inputs, x, str(row.outcome))
        theirs += took * len(table) / args.peer_traits
        gap = [row.beta - beta, row.se / se - 1, row.log10p + np.log10(p)]
        apart = np.maximum(apart, np.abs(gap))
    their_busy = (time.process_time() - began) * len(table) / args.peer_traits
    ours = min(seconds)
    methods = table["method"].replace("", "dropped").value_counts()
    told = ", ".join(f"{count} {name}" for name, count in methods.items())
    print(
        f"{way:11} ours {ours:6.2f} s ({told})   statsmodels {theirs:7.1f} s (scaled "
        f"from {args.peer_traits} traits)   ratio {theirs / ours:5.0f} (at least 50)\n"
        f"{'':11} CPU: {min(busy):.2f} s and {their_busy:.0f} s, ratio "
        f"{their_busy / min(busy):.0f}\n"
        f"{'':11} most apart: β {apart[0]:.1e}, SE {apart[1]:.1e} of it, "
        f"−log10 p {apart[2]:.1e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--participants", type=int, default=45_714)
    parser.add_argument("--traits", type=int, default=917)
    parser.add_argument("--peer-traits", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3, help="ours: the best of")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # the peer's, where it nearly converged
    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    print(
        f"{args.participants} participants, {args.traits} traits, "
        f"OMP_NUM_THREADS={threads}"
    )
    for way in args.ways:
        compare(way, args)


if __name__ == "__main__":
    main()
