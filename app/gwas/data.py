"""Results that came home, as screens may show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import data, figures
from app.basket import Basket
from edp_core.disclosure import is_small, near
from edp_core.errors import EdpError, MissingArtifactError
from edp_core.export import card
from edp_core.gwas.genes import GeneTable, nearest_genes
from edp_core.gwas.loci import GENOME_WIDE, find_loci
from edp_core.gwas.results_store import GwasResult, list_gwas, read_gwas, slot_of
from edp_core.people.measures import SUFFIX
from edp_core.phenotype import Spec
from edp_core.recipe import AxisSpec, ColumnSpec

ROUND = 10
"""N of single variants is told to the nearest ten: exact, the difference to all would
tell how many few lack a genotype."""
UNKNOWN = "—"


@dataclass(frozen=True)
class Rules:
    """How loci are found and named, beside the defaults.

    Attributes
    ----------
    threshold
        −log₁₀ p.
    ld
        ``a, b, r2`` of a user's table.
    genes
        A user's variant-to-gene table.
    token
        Names the LD table, for what is remembered.
    """

    threshold: float = GENOME_WIDE
    ld: pd.DataFrame | None = None
    genes: GeneTable | None = None
    token: str = ""

    @property
    def said(self) -> str:
        """The rules in a line."""
        ld = "by distance" if self.ld is None else "by r² of the LD table"
        genes = "nearest gene" if self.genes is None else "genes of the table given"
        return f"p < {figures.small_p(10**-self.threshold)}; loci {ld}; {genes}"


def names() -> list[str]:
    """Names of the results that can be read."""
    return _known()[0]


def damaged() -> dict[str, str]:
    """Name → what is wrong, of results that cannot be read."""
    return _known()[1]


def _known() -> tuple[list[str], dict[str, str]]:
    store, refs = data.store(), data.store().refs()
    sound: list[str] = []
    broken: dict[str, str] = {}
    for name in list_gwas(store):
        try:
            _result(str(data.study().store_path), name, refs[slot_of(name)])
            sound.append(name)
        except MissingArtifactError as error:
            broken[name] = error.message
    return sound, broken


def result(name: str) -> GwasResult:
    """A result; its tables are read once. To be looked at, never changed."""
    key = data.store().refs().get(slot_of(name), "")
    return _result(str(data.study().store_path), name, key)


@st.cache_resource(show_spinner="Reading the result …", max_entries=600)
def _result(_store: str, name: str, key: str) -> GwasResult:
    return read_gwas(data.store(), name)


def thinned(found: GwasResult) -> SimpleNamespace:
    """Points and extents of a Manhattan plot, disclosed."""
    return SimpleNamespace(points=disclosed(found.points), extents=found.extents)


def disclosed(table: pd.DataFrame) -> pd.DataFrame:
    """Variants as they may be shown: a copy.

    An allele that few people carry is not described: its frequency times N is their
    number. N is rounded.
    """
    out = table.copy()
    people = out["n"].to_numpy(float)
    frequency = out["af"].to_numpy(float)
    rarer = np.minimum(frequency, 1 - frequency)
    carried = np.nan_to_num(np.round(2 * people * rarer), nan=0)
    few = is_small(carried.astype(np.int64), figures.least())
    for name in ("af", "beta", "se"):
        out[name] = out[name].mask(few)
    out["n"] = (np.round(people / ROUND) * ROUND).astype(float)
    out["n"] = out["n"].mask(people < figures.least())
    return out


def loci(found: GwasResult, rules: Rules) -> pd.DataFrame:
    """Loci of a result by some rules, with facts of their leads; not disclosed."""
    usual = rules.threshold == GENOME_WIDE and rules.ld is None
    table = found.loci if usual else _found_again(found, rules)
    if usual and rules.genes is None:
        return table
    named = nearest_genes(
        table["chrom"],
        table["lead_pos"],
        build=found.build,
        table=rules.genes,
        ids=list(table["id"]),
    )
    return table.assign(gene=named)


def genes_of(leads: pd.DataFrame, loci: Iterable[pd.DataFrame]) -> list[str]:
    """Genes of leads that several results have in common, as their own loci name them.

    Parameters
    ----------
    leads
        ``chrom, lead_pos`` of loci joined from those of several results.
    loci
        The loci of each, named by the nearest gene or by the user's table.
    """
    known = {
        (chrom, pos): str(gene)
        for table in loci
        for chrom, pos, gene in zip(
            table["chrom"], table["lead_pos"], table["gene"], strict=True
        )
    }
    places = zip(leads["chrom"], leads["lead_pos"], strict=True)
    return [known[place] for place in places]


def _found_again(found: GwasResult, rules: Rules) -> pd.DataFrame:
    strong = found.strong.reset_index(drop=True)
    table = find_loci(
        strong["chrom"],
        strong["pos"],
        strong["log10p"],
        threshold=rules.threshold,
        build=found.build,
        ld=rules.ld,
        ids=None if rules.ld is None else strong["id"],
    )
    facts = ["id", "effect_allele", "other_allele", "af", "n", "beta", "se"]
    leads = strong.loc[table["lead"], facts].reset_index(drop=True)
    return pd.concat([table.drop(columns="lead"), leads], axis=1)


# ---- what a result is of ---------------------------------------------------------
def people(found: GwasResult) -> str:
    """N of a result in words, coarse where another number stands close by."""
    most = found.summary["n_max"]
    if most is None:
        return UNKNOWN
    refs = tuple(sorted(data.store().refs().items()))
    return _people(int(most), refs, figures.least())


@st.cache_data(show_spinner=False, max_entries=2000)
def _people(count: int, refs: tuple[tuple[str, str], ...], least: int) -> str:
    if is_small(np.array([count]), least).any():
        return f"<{least}"
    shown = figures.people(count)
    if isinstance(shown, int):
        shown = near(count, _others(refs), least)
    if isinstance(shown, str):
        return f"≈ {int(shown.removeprefix('about ')):,}"
    return f"{shown:,}"


@st.cache_data(show_spinner=False, max_entries=4)
def _others(refs: tuple[tuple[str, str], ...]) -> list[int]:
    """N of every result."""
    held = [result(name).summary["n_max"] for name in names()]
    return [int(n) for n in held if n is not None]


def stated(found: GwasResult) -> str:
    """N of a result for a caption: ``N = 408,961`` or ``N ≈ 45,710``."""
    count = people(found)
    return f"N {count}" if count.startswith("≈") else f"N = {count}"


def specs() -> dict[str, Spec]:
    """Name → recipe, of the basket and of the cards of exports."""
    study = data.study()
    folder = study.path(study.disclosure.export_dir)
    cards = tuple(
        (str(path), path.stat().st_mtime_ns)
        for path in sorted(folder.glob("*/cards/*.json"))
    )
    held = {entry.spec.name: entry.spec for entry in Basket(study.store_path).entries()}
    return _cards(cards) | held


@st.cache_resource(show_spinner=False, max_entries=4)
def _cards(files: tuple[tuple[str, int], ...]) -> dict[str, Spec]:
    found = {}
    for file, _ in files:
        try:
            spec = card.read(Path(file))
        except EdpError:  # a card of another version tells nothing here
            continue
        found[spec.name] = spec
    return found


def about(found: GwasResult, known: dict[str, Spec]) -> dict[str, str]:
    """``phenotype, organ, encoder, method, of`` of a result; ``—`` where not known."""
    name = found.summary["trait"] or found.name
    spec = known.get(name) or known.get(found.name)
    said: dict[str, str] = dict.fromkeys(("organ", "encoder", "method", "of"), UNKNOWN)
    said |= {"phenotype": str(name)}
    if spec is None:
        return said
    said["method"] = str(spec.method)
    said["organ"] = str(getattr(spec, "organ", UNKNOWN))
    said["encoder"] = str(getattr(spec, "encoder", UNKNOWN))
    if isinstance(spec, AxisSpec):
        said["of"] = f"PC{spec.axis}" if spec.of == "pc" else f"axis {spec.axis}"
    elif isinstance(spec, ColumnSpec):
        said["of"] = spec.column
        organs = [organ for organ in data.study().organs if _is_volume(spec, organ)]
        said |= {"organ": organs[0], "method": "volume"} if organs else {}
    else:
        said["of"] = str(getattr(spec, "trait", None) or UNKNOWN)
    return said


def _is_volume(spec: ColumnSpec, organ: str) -> bool:
    """Whether a column is an organ's volume: measured here, or ``organ_ml``."""
    measured = data.inputs().measured.get(spec.column)
    return measured == f"images/{organ}" or spec.column == f"{organ}{SUFFIX}"


def facts(found: GwasResult) -> dict[str, Any]:
    """Where a result is from, for captions and heads of tables."""
    summary = found.summary
    return {
        "run": found.name,
        "trait": summary["trait"] or UNKNOWN,
        "build": found.build,
        "program": summary["dialect"],
        "variants": found.n_variants,
    }
