"""Phenotypes and participants to export: made up, small, awkward on demand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from edp_core.export.bundle import ExportRequest
from edp_core.phenotype import ClassifierSpec, CodeSpec, ColumnSpec, Phenotype

N = 120
IMAGE = dict(
    population="everyone", cohort="c" * 16, organ="retina", encoder="mae",
    embedding="e" * 16, phenome="f" * 16, trait="H40",
)  # fmt: skip


def make_eids(n: int = N) -> np.ndarray:
    return np.array([f"{1000001 + i}" for i in range(n)])


def make_people(n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"eid": make_eids(n)})
    table["sex"] = pd.array(rng.choice(["F", "M"], n), dtype="string")
    table["age_years"] = rng.uniform(45, 80, n)
    table["bmi"] = rng.normal(27, 4, n)
    table["centre"] = pd.array(rng.choice(["11025", "11026", "11027"], n), "string")
    table["array"] = pd.array([str(v) for v in np.arange(n) % 20 - 5], "string")
    for i in range(1, 11):
        table[f"pc{i}"] = rng.normal(size=n)
    return table


def classifier(name: str = "H40_score", n: int = N, **changes: Any) -> Phenotype:
    rng = np.random.default_rng(2)
    return Phenotype(
        spec=ClassifierSpec(name=name, **{**IMAGE, **changes.pop("spec", {})}),
        eids=changes.pop("eids", make_eids(n)),
        values=changes.pop("values", rng.normal(size=n)),
        kind="quantitative",
        folds=changes.pop("folds", np.arange(n) % 10),
        figures=changes.pop("figures", {"auc": 0.8123456789, "n_cases": 40, "n": n}),
    )


def code(name: str = "H40", n: int = N, **changes: Any) -> Phenotype:
    values = changes.pop("values", (np.arange(n) % 3 == 0).astype(float))
    return Phenotype(
        CodeSpec(
            name=name, population="everyone", cohort="c" * 16, phenome="f" * 16,
            trait="H40",
        ),
        changes.pop("eids", make_eids(n)),
        values,
        "binary",
        figures={"n": n, "n_cases": int(np.nansum(values))},
    )  # fmt: skip


def column(name: str = "volume", values: np.ndarray | None = None) -> Phenotype:
    rng = np.random.default_rng(3)
    given = rng.normal(1500, 200, N) if values is None else values
    spec = ColumnSpec(
        name=name, population="everyone", cohort="c" * 16, column="volume_ml"
    )
    return Phenotype(spec, make_eids(len(given)), given, "quantitative")


@pytest.fixture
def make() -> SimpleNamespace:
    """Makers of phenotypes and participants, and of requests to export them."""

    def request(*phenotypes: Phenotype, **changes: Any) -> ExportRequest:
        changes = {"participants": make_people(), "study": "A study"} | changes
        return ExportRequest(phenotypes=phenotypes or (classifier(),), **changes)

    return SimpleNamespace(
        n=N,
        eids=make_eids,
        people=make_people,
        classifier=classifier,
        code=code,
        column=column,
        request=request,
    )
