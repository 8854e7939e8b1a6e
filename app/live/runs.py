"""GWAS of a designed phenotype: computed once for each recipe, basis and covariates.

What is kept for a figure is a few thousand marks and the loci; β, SE and p of every
variant are kept of the newest few alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import streamlit as st

from app import data
from app.live import bases
from app.live.exact_runs import exact_runs
from app.live.exact_worker import Task
from app.live.rare import flags_of, untold
from edp_core.gwas.association import Association
from edp_core.gwas.basis import Basis
from edp_core.gwas.genes import nearest_genes
from edp_core.gwas.inflation import band, lambdas, qq, smallest_stratum
from edp_core.gwas.joint import joint
from edp_core.gwas.loci import GENOME_WIDE, find_loci
from edp_core.gwas.preview import align
from edp_core.gwas.thinning import Thinned, thin
from edp_core.recipe import SPEC, Spec

GOOD = 0.9999
"""R² of the projection from which a preview is as good as exact."""


@dataclass(frozen=True)
class Asked:
    """A GWAS that is asked for.

    Attributes
    ----------
    recipe
        JSON of the recipe without its name; empty: all axes of the embedding together.
    organ, encoder
        Whose basis it is projected on.
    """

    recipe: str
    organ: str
    encoder: str
    covariates: tuple[str, ...]

    @property
    def spec(self) -> Spec | None:
        """The recipe; `None` for all axes together."""
        return SPEC.validate_json(self.recipe) if self.recipe else None

    @property
    def key(self) -> tuple[str, ...]:
        """By which its results are remembered: whoever changes an artifact changes it.

        The phenotype's own artifacts are in the recipe. What may be told of rare
        variants follows the settings as they are now.
        """
        basis = data.store().ref(f"basis/{self.organ}/{self.encoder}")
        place = str(data.study().store_path)
        copies = str(data.study().fewest_copies)
        told = (place, basis, copies)
        return (*told, self.recipe, self.organ, self.encoder, *self.covariates)


@dataclass(frozen=True)
class Panel:
    """What is drawn and told of one GWAS; nothing in it is of a person.

    Attributes
    ----------
    thinned
        Its points hold ``id, effect_allele, af, beta, se`` where they are one variant.
    loci
        `find_loci` with ``id, effect_allele, other_allele, af, beta, se, gene``; β and
        SE in SD of the phenotype, missing for all axes together.
    r2, n_filled
        As of `Association`; 1 and 0 for all axes together, which is exact.
    n_variants
        Variants that were tested.
    """

    thinned: Thinned
    loci: pd.DataFrame
    n: int
    r2: float
    exact: bool
    n_filled: int
    n_variants: int
    inflation: float

    @property
    def waits(self) -> bool:
        """Whether an exact pass would tell more."""
        return not self.exact and (self.r2 < GOOD or self.n_filled > 0)


def asked(spec: Spec | None, pair: tuple[str, str], chosen: tuple[str, ...]) -> Asked:
    """The GWAS of a recipe; ``pair`` is whose basis is taken where it names none."""
    organ, encoder = pair_of(spec, pair)
    held = bases.basis(organ, encoder).columns
    known = tuple(name for name in held if name in chosen)
    recipe = ""
    if spec is not None:
        unnamed = spec.model_copy(update={"name": "score"})
        recipe = SPEC.dump_json(unnamed).decode()
    return Asked(recipe, organ, encoder, known)


def pair_of(spec: Spec | None, pair: tuple[str, str]) -> tuple[str, str]:
    """Organ and encoder of a recipe, or those given where it names none."""
    organ, encoder = pair
    return getattr(spec, "organ", organ), getattr(spec, "encoder", encoder)


def values(ask: Asked) -> np.ndarray:
    """(n_basis,) values of its phenotype, NaN = missing; not to change."""
    return _values(ask, ask.key)


@st.cache_resource(show_spinner=False, max_entries=16)
def _values(ask: Asked, key: tuple[str, ...]) -> np.ndarray:
    spec = ask.spec
    assert spec is not None
    score = data.phenotype(spec)
    return align(bases.basis(ask.organ, ask.encoder), score.eids, score.values)


def task(ask: Asked) -> Task:
    """The exact pass that answers it."""
    basis = bases.basis(ask.organ, ask.encoder)
    return Task(
        ask.key,
        str(data.study().folder),
        ask.organ,
        ask.encoder,
        values(ask),
        ask.covariates,
        len(basis.variants) * len(basis.eids),
    )


def association(ask: Asked) -> Association:
    """β, SE and p of every variant: exact where the pass is done, else the preview."""
    exact = exact_runs().result(ask.key)
    if exact is None:
        return _preview(ask, ask.key)
    return _told(exact, ask)


@st.cache_resource(show_spinner=False, max_entries=6)
def _preview(ask: Asked, key: tuple[str, ...]) -> Association:
    live = bases.live(ask.organ, ask.encoder)
    return _told(live.preview(values(ask), covariates=ask.covariates), ask)


def _told(found: Association, ask: Asked) -> Association:
    """Without variants of which those with a value, or the cases, hold too few copies.

    An exact pass has counted them besides; a preview goes by what is expected.
    """
    af = bases.basis(ask.organ, ask.encoder).variants["af"].to_numpy(float)
    rare = untold(af, values(ask), fewest=data.study().fewest_copies)
    if not rare.any():
        return found
    beta, se, log10p = (
        np.where(rare, np.nan, column)
        for column in (found.beta, found.se, found.log10p)
    )
    return replace(found, beta=beta, se=se, log10p=log10p)


def yes_or_no(ask: Asked) -> bool:
    """Whether its phenotype has two values, so that the linear model is a stopgap."""
    return bool(ask.recipe) and flags_of(values(ask)) is not None


def panel(ask: Asked) -> Panel:
    """Marks, loci and figures of a GWAS."""
    exact = exact_runs().result(ask.key) is not None
    return _panel(ask, ask.key, exact)


@st.cache_resource(show_spinner=False, max_entries=48)
def _panel(ask: Asked, key: tuple[str, ...], exact: bool) -> Panel:
    basis = bases.basis(ask.organ, ask.encoder)
    if ask.recipe:
        found = association(ask)
        spread = float(np.nanstd(values(ask), ddof=1)) or np.nan
        facts: dict[str, object] = {
            "n": found.n, "r2": found.r2, "exact": found.exact,
            "n_filled": found.n_filled, "inflation": found.lambda_gc,
        }  # fmt: skip
        effects = {"beta": found.beta / spread, "se": found.se / spread}
        log10p = found.log10p
    else:
        log10p = _joint(ask, key)
        inflation = lambdas(log10p, at=(0.5,))[0.5]
        facts = {
            "n": len(basis.eids), "r2": 1.0, "exact": True, "n_filled": 0,
            "inflation": inflation,
        }  # fmt: skip
        effects = {}
    return _drawn(ask, basis, log10p=log10p, effects=effects, facts=facts)


def _drawn(
    ask: Asked,
    basis: Basis,
    *,
    log10p: np.ndarray,
    effects: dict[str, np.ndarray],
    facts: dict[str, object],
) -> Panel:
    chrom = basis.variants["chrom"].to_numpy()
    pos = basis.variants["pos"].to_numpy()
    build = bases.build()
    loci = find_loci(chrom, pos, log10p, threshold=GENOME_WIDE, build=build)
    leads = loci["lead"].to_numpy(int)
    loci = pd.concat([loci, _of(basis, leads, effects)], axis=1)
    loci["gene"] = nearest_genes(loci["chrom"], loci["lead_pos"], build=build)
    thinned = thin(chrom, pos, log10p, keep=leads)
    rows = thinned.points["row"].to_numpy()
    single = rows >= 0  # the others stand for many variants
    said = _of(basis, rows[single], effects).set_index(np.flatnonzero(single))
    points = thinned.points.join(said.drop(columns="other_allele"))
    return Panel(
        replace(thinned, points=points),
        loci,
        n_variants=int(np.isfinite(log10p).sum()),
        **facts,  # type: ignore[arg-type]
    )


def _of(basis: Basis, rows: np.ndarray, effects: dict[str, np.ndarray]) -> pd.DataFrame:
    names = ["id", "effect_allele", "other_allele", "af"]
    table = basis.variants[names].iloc[rows].reset_index(drop=True)
    return table.assign(**{name: column[rows] for name, column in effects.items()})


@st.cache_resource(show_spinner="Testing all axes together …", max_entries=4)
def _joint(ask: Asked, key: tuple[str, ...]) -> np.ndarray:
    basis = bases.basis(ask.organ, ask.encoder)
    return joint(basis, covariates=ask.covariates)


@dataclass(frozen=True)
class Quantiles:
    """What the QQ plot draws."""

    table: pd.DataFrame
    band: pd.DataFrame
    lambdas: dict[float, float]


def quantiles(ask: Asked) -> Quantiles:
    """QQ by allele frequency, and λ."""
    return _quantiles(ask, ask.key, exact_runs().result(ask.key) is not None)


@st.cache_resource(show_spinner=False, max_entries=48)
def _quantiles(ask: Asked, key: tuple[str, ...], exact: bool) -> Quantiles:
    variants = bases.basis(ask.organ, ask.encoder).variants
    log10p = association(ask).log10p
    table = qq(log10p, variants["af"].to_numpy())
    return Quantiles(table, band(smallest_stratum(table)), lambdas(log10p))
