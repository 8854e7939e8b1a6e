"""Power of a GWAS of the designed phenotype: the smallest effects it would find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import data, explained, figures, widgets
from app.phenotype import appraisal_charts, verdict
from edp_core.appraisal.power import (
    FREQUENCIES,
    GENOME_WIDE,
    LARGEST_ODDS,
    effective_n,
    minimum_effects,
)
from edp_core.disclosure import near
from edp_core.exclusions import known_counts
from edp_core.phenotype import Phenotype
from edp_core.recipe import ClassifierSpec, CodeSpec, GuidedSpec, Spec
from edp_core.stats.regression import pearson

POWER = 0.8
FEWEST = 24
"""Minor alleles expected among the participants, of a code among its cases (or its
controls where they are fewer), below which no test is near normal."""
SCORE, THROUGH = "the score", "the code, as yes or no"
_METHOD = (
    "Additive model, Hardy–Weinberg proportions, nobody related, covariates unrelated "
    "to the variant. Score: λ = N·q²/(1 − q²), q² = 2f(1 − f)β². Code: "
    "λ = 2f(1 − f)·ln(OR)²·N_eff/4, N_eff = 4/(1/cases + 1/controls). Good for odds "
    f"ratios up to about 1.5; those above {LARGEST_ODDS:g} are outside its range and "
    "left out."
)
_THROUGH = (
    "The same variant sought through the code alone: β/|r|, with r the correlation of "
    "the out-of-fold score with the code. It holds for a variant that acts on the code "
    "only through what the score measures; others may be found better by the code."
)
WHOLE = ", of the whole cohort, not only of people with images"
TITLES = {"n": "N", "n_cases": "Cases", "n_effective": "Effective N"}
COLUMNS: dict[str, ColumnConfig | str | None] = {
    "frequency": widgets.figure_column(
        "Allele frequency", "%.3f", explained.help("af")
    ),
    "n": widgets.count_column("N", explained.help("n")),
    "beta": widgets.figure_column(
        "Effect on the score, SD per allele",
        "%.3f",
        explained.help("minimum_effect"),
    ),
    "variance_explained": widgets.figure_column(
        "Variance explained", "percent", explained.help("variance_explained")
    ),
    "beta_through_code": widgets.figure_column("through the code", "%.3f", _THROUGH),
    "odds_ratio": widgets.figure_column(
        "Odds ratio of the code", "%.2f", explained.help("minimum_odds")
    ),
    "n_cases": widgets.count_column("Cases", explained.help("n_cases")),
    "n_effective": widgets.count_column("Effective N", explained.help("n_effective")),
    "note": st.column_config.TextColumn("No odds ratio because", width="medium"),
}


@dataclass(frozen=True)
class Sizes:
    """Numbers of people that may be told; `None` where hidden or not asked for."""

    n: int | None
    n_cases: int | None = None
    n_controls: int | None = None
    r: float | None = None
    """Correlation of the score with the code, where it is not circular."""
    coarse: frozenset[str] = frozenset()
    """Numbers the screens state coarsely: each is written “about” here too."""

    def said(self, name: str) -> str:
        """A number as captions state it, by its field or as ``n_effective``."""
        value = self.n_effective if name == "n_effective" else getattr(self, name)
        about = "about " if name in self.coarse else ""
        return f"{about}{value:,}"

    @property
    def n_effective(self) -> int | None:
        """Effective N of the code."""
        if not (self.n_cases and self.n_controls):
            return None
        return round(effective_n(self.n_cases, self.n_controls))


def draw(score: Phenotype, spec: Spec, name: str) -> None:
    """Figures, assumptions, table and downloads."""
    sizes = sizes_of(score, spec)
    found = table(sizes)
    if found.empty:
        st.info(
            "No power can be told: too few people have this phenotype, or their "
            "number is hidden.",
            icon=":material/info:",
        )
        return
    _numbers(sizes)
    left, right = st.columns(2) if {"beta", "odds_ratio"} <= set(found) else [st] * 2
    if "beta" in found:
        with left.container():
            st.markdown("**Smallest effect on the score**")
            widgets.figure(
                appraisal_charts.effects(_lines(found)),
                f"power-{name}",
                alt_text="power: smallest effect on the score by allele frequency",
            )
            st.caption(
                "A variant that changes the score by this much per allele is found at "
                f"p < {figures.small_p(GENOME_WIDE)} with a probability of "
                f"{POWER:.0%}. N = {sizes.said('n')}. Left out: frequencies with "
                f"fewer than {FEWEST} minor alleles expected."
                + (f" r of score and code = {sizes.r:.2f}." if sizes.r else ""),
                help=_METHOD + (f" {THROUGH}: {_THROUGH}" if sizes.r else ""),
            )
    if "odds_ratio" in found:
        with right.container():
            st.markdown("**Smallest odds ratio of the code itself**")
            widgets.figure(
                appraisal_charts.odds(found),
                f"power-code-{name}",
                alt_text="power: smallest odds ratio of the code by allele frequency",
            )
            st.caption(
                "The code as cases and controls, at p < "
                f"{figures.small_p(GENOME_WIDE)} with a probability of "
                f"{POWER:.0%}. Cases: {sizes.said('n_cases')}, "
                f"controls: {sizes.said('n_controls')}"
                + (WHOLE if isinstance(spec, CodeSpec) else "")
                + f". Left out: frequencies with fewer than {FEWEST} "
                "minor alleles expected among the cases, and odds ratios above "
                f"{LARGEST_ODDS:g}, outside the formula's range.",
                help=_METHOD,
            )
    if sizes.n_cases and sizes.n_controls and "odds_ratio" not in found:
        st.caption(
            f"No odds ratio of the code up to {LARGEST_ODDS:g} is found with this "
            "power: too few cases. Larger ones are outside the formula's range."
        )
    listed = written(found, sizes)
    st.dataframe(
        listed,
        hide_index=True,
        column_order=[c for c in COLUMNS if c in found],
        column_config=COLUMNS | {c: TITLES[c] for c in sizes.coarse & set(TITLES)},
        placeholder=widgets.HIDDEN,
    )
    recipe = spec.model_dump_json(exclude={"name"})
    settings = (
        f"N = {verdict.stated(score)}; level {GENOME_WIDE:g}; power {POWER}; {recipe}"
    )
    widgets.table_download(listed, f"power-{name}", settings=settings)


def sizes_of(score: Phenotype, spec: Spec) -> Sizes:
    """Numbers of people as the screens tell them, coarse where those are."""
    told = verdict.people(score)
    n, vague = _number(told), frozenset({"n"} if isinstance(told, str) else ())
    least = figures.least()
    if isinstance(spec, CodeSpec):
        known = known_counts(data.store(), data.inputs().phenome, [spec.trait])
        near_by = near(score.figures["n_cases"], known, least)
        if isinstance(near_by, str):
            vague = frozenset({"n_cases", "n_controls", "n_effective"})
        elif vague:
            vague = frozenset({"n_controls", "n_effective"})
        cases = _number(near_by)
        return Sizes(None, cases, n - cases, coarse=vague)
    if not isinstance(spec, GuidedSpec):
        return Sizes(n, coarse=vague)
    scan = data.scan(spec.organ, spec.encoder)
    row = scan[scan["code"] == spec.trait]
    if row.empty or row[["n_cases", "n_controls"]].isna().any(axis=None):
        return Sizes(n, coarse=vague)
    if row["restricted"].iloc[0]:  # the scan rounds the controls then
        vague |= {"n_controls", "n_effective"}
    cases, controls = (int(row[c].iloc[0]) for c in ("n_cases", "n_controls"))
    return Sizes(n, cases, controls, _follows(score, spec), vague)


def _number(told: int | str) -> int:
    return (
        told
        if isinstance(told, int)
        else int(told.removeprefix("about ").replace(",", ""))
    )


def _follows(score: Phenotype, spec: GuidedSpec) -> float | None:
    """How the score goes with the code, where no case had a part in its own score."""
    if not isinstance(spec, ClassifierSpec) or spec.score == "best-of-fold":
        return None
    phenome = data.inputs(spec.organ, spec.encoder).phenome
    counted = phenome.eligible(spec.trait)
    cases = np.where(counted, phenome.cases(spec.trait).astype(float), np.nan)
    r = round(float(pearson(score.values, cases).r), 2)
    return r if r > 0 else None


def table(sizes: Sizes) -> pd.DataFrame:
    """Smallest effects by frequency; without columns that cannot be told.

    ``frequency``; of a score ``n``, ``beta``, ``variance_explained`` and, where its
    correlation with the code is known, ``beta_through_code``; of a code
    ``odds_ratio``, ``n_cases``, ``n_effective`` and ``note``, why there is no odds
    ratio. Effects are missing where too few minor alleles are expected, or where the
    odds ratio is outside the formula's range.
    """
    found = pd.DataFrame({"frequency": FREQUENCIES})
    if sizes.n is not None and sizes.n > 2:
        effects = minimum_effects(sizes.n)
        found["n"] = sizes.n
        enough = effects["minor_alleles"] >= FEWEST
        beta = effects["beta"].where(enough)
        found["beta"] = beta.round(3)
        share = effects["variance_explained"].where(enough)
        found["variance_explained"] = share.round(4)
        if sizes.r is not None:
            found["beta_through_code"] = (beta / sizes.r).round(3)
        if beta.isna().all():
            found = found[["frequency"]]
    if sizes.n_cases and sizes.n_controls:
        effects = minimum_effects(
            sizes.n_cases + sizes.n_controls, n_cases=sizes.n_cases
        )
        alleles = 2 * effects["frequency"] * min(sizes.n_cases, sizes.n_controls)
        enough = alleles >= FEWEST
        found["odds_ratio"] = effects["odds_ratio"].round(2).where(enough)
        found["n_cases"] = sizes.n_cases
        found["n_effective"] = sizes.n_effective
        few = f"fewer than {FEWEST} minor alleles expected"
        found["note"] = effects["reason"].where(enough, few)
        if found["odds_ratio"].isna().all():
            found = found.drop(columns=["odds_ratio"])
    return found if {"beta", "odds_ratio"} & set(found) else found.iloc[:0]


def written(found: pd.DataFrame, sizes: Sizes) -> pd.DataFrame:
    """The table as it is read and downloaded: “about” stands before coarse numbers."""
    held = [name for name in TITLES if name in found and name in sizes.coarse]
    return found.assign(**{name: sizes.said(name) for name in held})


def _lines(found: pd.DataFrame) -> pd.DataFrame:
    names = {"beta": SCORE, "beta_through_code": THROUGH}
    held = [c for c in names if c in found]
    return (
        found.rename(columns=names)
        .melt("frequency", [names[c] for c in held], "sought in", "beta")
        .dropna(subset=["beta"])
    )


def _numbers(sizes: Sizes) -> None:
    """N, cases and effective N, beside each other."""
    shown: list[tuple[str, str, str | None, str]] = []
    if sizes.n is not None:
        shown.append(("N of the score", sizes.said("n"), None, "n"))
    if sizes.n_effective is not None:
        balanced = "of a study half cases, half controls"
        shown.append(("Cases of the code", sizes.said("n_cases"), None, "n_cases"))
        told = sizes.said("n_effective")
        shown.append(("Effective N of the code", told, balanced, "n_effective"))
    for column, (text, value, under, key) in zip(
        st.columns(max(len(shown), 1)), shown, strict=False
    ):
        with column:
            widgets.number(text, value, under=under, help=explained.help(key))
