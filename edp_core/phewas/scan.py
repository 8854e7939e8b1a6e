"""PheWAS: a phenotype against every trait and field of the study."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from edp_core.errors import InputError
from edp_core.inputs import Inputs
from edp_core.people.measures import volume_caption
from edp_core.phewas.binary import binary, traits_of, with_fields
from edp_core.phewas.design import Design, covariate_choice, design
from edp_core.phewas.fields import Outcome, Rules, outcomes
from edp_core.phewas.linear import Estimate, linear, nothing
from edp_core.phewas.multinomial import multinomial
from edp_core.phewas.ordinal import ordered
from edp_core.threads import on_all_cores

__all__ = ["COLUMNS", "covariate_choice", "phewas"]
COLUMNS = (
    "outcome", "name", "group", "vocabulary", "kind", "n", "n_cases", "n_controls",
    "beta", "se", "low", "high", "or_", "log10p", "tested", "converged", "method",
    "reason",
)  # fmt: skip
MEASUREMENTS, IMAGING, GENETIC = "measurements", "imaging", "genetics"
"""Groups of fields."""
IMAGING_FIELD = re.compile(r"head_(scaling|motion)|scanner_(x|y|z|table)")
GENETIC_FIELD = re.compile(
    r"pc[0-9]+|array|genetic_sex|white_british|sex_aneuploidy|used_in_pca|kinship"
)


def phewas(
    values: ArrayLike,
    inputs: Inputs,
    *,
    covariates: Sequence[str],
    traits: Literal["all"] | Sequence[str] = "all",
    fields: bool = True,
    min_cases: int = 10,
    min_people: int = 500,
) -> pd.DataFrame:
    """Association of a phenotype with every trait and field, adjusted.

    Parameters
    ----------
    values
        (n_participants,) the phenotype in the order of ``inputs.participants``, any
        unit, NaN = missing. Put to SD 1 among those who enter.
    inputs
        The study.
    covariates
        Columns of the participants; `covariate_choice` names the usual ones. Who lacks
        one is left out.
    traits
        Vocabularies of the phenome to test, or all.
    fields
        Whether the other columns of the participants are tested too, by PHESANT's
        rules (`edp_core.phewas.fields`).
    min_cases
        Fewest cases, and fewest controls, of a binary outcome.
    min_people
        Fewest people of a linear or a multinomial one.

    Returns
    -------
    DataFrame
        One row an outcome, traits first, each in the order of its table:

        - ``outcome``: the trait's code, the column, or ``column#level``; ``name``;
          ``group``: chapter, or ``measurements``, ``imaging``, ``genetics``;
          ``vocabulary``: of a trait, empty for a field;
        - ``kind``: ``binary``, ``linear``, ``ordered``, ``multinomial``, or empty for a
          field that gets no model;
        - ``n``, ``n_cases``, ``n_controls``: people in the model; for a level of a
          multinomial outcome who has it, and who has the reference; 0 where an outcome
          has no cases (linear, ordered, a multinomial one as a whole);
        - ``beta``: log odds ratio (binary, ordered: of a higher level, multinomial: of
          the level against the reference) or SDs of the outcome, for one SD of the
          phenotype; ``se``, ``low``, ``high`` (95 %) on the same scale; ``or_`` =
          exp(beta), NaN for linear ones;
        - ``log10p``: −log10 of the two-sided p, from logarithms;
        - ``tested``: whether the row is one test of the scan. Levels of a multinomial
          outcome are parts of its row and are no tests of their own;
        - ``converged``; ``method``: ``ml``, ``firth`` or ``ols``;
        - ``reason``: why there are no figures, else empty.

        ``attrs``: ``n`` people who enter, ``n_without_covariates`` who were left out,
        ``sd`` of the phenotype in its unit, ``covariates``, ``notes``.

    Raises
    ------
    InputError
        Where the phenotype or a covariate cannot be used (`edp_core.phewas.design`), a
        vocabulary is not in the study, or a minimum is below one.
    """
    if min(min_cases, min_people) < 1:
        raise InputError("a PheWAS needs at least one case", "set the minimum to 10")
    made = design(values, inputs, covariates)
    rules = Rules(min_cases, min_people)
    found = outcomes(inputs, made.rows, rules=rules, taken=covariates) if fields else []
    codes = _codes(inputs.phenome.traits, traits)
    two = [one for one in found if one.kind == "binary"]
    every = with_fields(
        traits_of(inputs, codes["code"].tolist(), made.rows),
        [one.values for one in two],
    )
    table = binary(made.columns, every, min_cases=min_cases)
    chapter = codes["chapter"].where(codes["chapter"] != "", codes["vocabulary"])
    tops = codes[["name", "vocabulary"]].assign(
        outcome=codes["code"], group=chapter, kind="binary"
    )
    records = cast(list[dict[str, Any]], table.iloc[len(codes) :].to_dict("records"))
    ready = {one.outcome: row for one, row in zip(two, records, strict=True)}
    parts = [pd.concat([tops, table.iloc[: len(codes)]], axis=1)]
    parts.append(pd.DataFrame(_of_fields(found, made, inputs, ready=ready)))
    whole = pd.concat([part for part in parts if len(part)] or parts[:1])
    return _finished(whole, made)


def _codes(
    traits: pd.DataFrame, chosen: Literal["all"] | Sequence[str]
) -> pd.DataFrame:
    """Traits of some vocabularies."""
    if isinstance(chosen, str) and chosen != "all":
        chosen = [chosen]
    there = set(traits["vocabulary"])
    absent = [] if chosen == "all" else [name for name in chosen if name not in there]
    if absent:
        raise InputError(
            f"the study has no traits of {', '.join(map(repr, absent))}",
            f"choose among: {', '.join(sorted(there)) or 'none'}",
        )
    kept = traits if chosen == "all" else traits[traits["vocabulary"].isin(chosen)]
    return kept.reset_index(drop=True)


def _of_fields(
    found: Sequence[Outcome],
    made: Design,
    inputs: Inputs,
    *,
    ready: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Rows of the fields, in the order of their columns."""
    straight = [one for one in found if one.kind == "linear"]
    fits = linear(made.columns, [one.values for one in straight])
    least = {one.outcome: fit for one, fit in zip(straight, fits, strict=True)}
    stepped = [one for one in found if one.kind == "ordered"]
    fits = on_all_cores(lambda one: ordered(made.columns, one.values), stepped)
    least |= {one.outcome: fit for one, fit in zip(stepped, fits, strict=True)}
    rows: list[dict[str, Any]] = []
    for one in found:
        about = {
            "outcome": one.outcome, "group": _group(one.column, inputs),
            "vocabulary": "", "kind": one.kind, "name": _name(one.column, inputs),
        }  # fmt: skip
        n = int(np.count_nonzero(np.isfinite(one.values)))
        if one.kind == "binary":
            name = f"{about['name']}: {one.levels[1]}"
            rows.append({**about, **ready[one.outcome], "name": name})
        elif one.kind == "linear":
            rows.append({**about, **_row(least[one.outcome], n, method="ols")})
        elif one.kind == "ordered":
            rows.append({**about, **_row(least[one.outcome], n, method="ml")})
        elif one.kind == "multinomial":
            rows += _of_levels(one, multinomial(made.columns, one.values), about)
        else:
            rows.append({**about, **_row(nothing(one.reason), n)})
    return rows


def _of_levels(
    one: Outcome, fits: Sequence[Estimate], about: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A multinomial outcome as a whole, and each level against the reference."""
    size = np.bincount(one.values[np.isfinite(one.values)].astype(int))
    rows = [{**about, **_row(fits[0], int(size.sum()), method="ml")}]
    for level, fit in enumerate(fits[1:], start=1):
        counts = {"n_cases": int(size[level]), "n_controls": int(size[0])}
        part = {
            "outcome": f"{one.column}#{one.levels[level]}", "tested": False,
            "name": f"{about['name']}: {one.levels[level]} against {one.levels[0]}",
        }  # fmt: skip
        row = _row(fit, int(size[level] + size[0]), method="ml")
        rows.append({**about, **row, **counts, **part})
    return rows


def _row(fit: Estimate, n: int, *, method: str = "") -> dict[str, Any]:
    found = {"n": n, "n_cases": 0, "n_controls": 0, **fit._asdict()}
    return {**found, "method": method if fit.converged else ""}


def _name(column: str, inputs: Inputs) -> str:
    slot = inputs.measured.get(column)
    return column if slot is None else volume_caption(slot)


def _group(column: str, inputs: Inputs) -> str:
    if column in inputs.measured or IMAGING_FIELD.fullmatch(column):
        return IMAGING
    return GENETIC if GENETIC_FIELD.fullmatch(column) else MEASUREMENTS


def _finished(whole: pd.DataFrame, made: Design) -> pd.DataFrame:
    whole = whole.reset_index(drop=True)
    whole["or_"] = np.where(whole["kind"] == "linear", np.nan, np.exp(whole["beta"]))
    part = whole["tested"].notna() if "tested" in whole else False
    whole["tested"] = whole["log10p"].notna() & ~part
    table = whole[list(COLUMNS)]
    table.attrs = {
        "n": len(made.rows), "n_without_covariates": made.lost, "sd": made.sd,
        "covariates": made.covariates, "notes": made.notes,
    }  # fmt: skip
    return table
