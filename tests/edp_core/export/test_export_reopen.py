"""A card opened again, evaluated again, exported again: the same bytes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd

from edp_core.export import card
from edp_core.export.bundle import render
from edp_core.people.assemble import build_phenome
from edp_core.phenotype import (
    AxisSpec,
    ClassifierSpec,
    Clustering,
    ClusterSpec,
    CodeSpec,
    ColumnSpec,
    Inputs,
    Labels,
    evaluate,
)


def test_evaluate_export_reopen(make: SimpleNamespace) -> None:
    n, m = 600, 6
    rng = np.random.default_rng(0)
    people = make.people(n).assign(volume_ml=rng.normal(1500, 100, n))
    eids = people["eid"].to_numpy(str)
    seen = np.sort(rng.choice(n, 480, replace=False))
    vectors = rng.normal(size=(480, m)).astype(np.float32)
    cases = eids[rng.random(n) < 0.3]
    phenome, _ = build_phenome(pd.DataFrame({"eid": cases, "icd10": "K760"}), eids)
    keys = {k: k * 2 for k in ("cohort", "phenome", "embedding", "atlas")}
    keys["images/liver"] = "i0"
    people["liver_ml"] = rng.normal(1500, 200, n)
    inputs = Inputs(
        population="everyone", keys=keys, participants=people, phenome=phenome,
        measured={"liver_ml": "images/liver"},
        seen=seen, vectors=vectors, clusters=rng.integers(0, 3, 480),
        pc_components=np.linalg.qr(rng.normal(size=(m, m)))[0],
    )  # fmt: skip
    base = {"population": "everyone", "cohort": keys["cohort"]}
    image = {
        **base, "organ": "liver", "encoder": "mae", "trait": "K760",
        "embedding": keys["embedding"], "phenome": keys["phenome"],
    }  # fmt: skip
    axis = {k: image[k] for k in (*base, "organ", "encoder", "embedding")}
    specs = [
        ClassifierSpec(name="guided", **image, remove_covariates=("age_years", "bmi")),
        ClusterSpec(
            name="near", **image, atlas=keys["atlas"], cluster=1, sign=-1,
            clustering=Clustering(neighbours=10, resolution=1.0, seed=0),
            labels=Labels(share=0.5, seed=3), remove_pcs=(1,),
        ),
        CodeSpec(name="K760", **base, phenome=keys["phenome"], trait="K760"),
        ColumnSpec(name="volume", **base, column="volume_ml"),
        ColumnSpec(
            name="liver", **base, column="liver_ml",
            measured={"images/liver": keys["images/liver"]},
        ),
        AxisSpec(name="liver_PC2", **axis, atlas=keys["atlas"], axis=2),
        AxisSpec(
            name="axis6", **axis, of="axis", axis=6, sign=-1, remove_pcs=(1,),
            remove_covariates=("bmi", "liver_ml"),
            measured={"images/liver": keys["images/liver"]},
        ),
    ]  # fmt: skip
    first = render(
        make.request(*[evaluate(s, inputs) for s in specs], participants=people)
    )
    read = [card.read(first[f"cards/{spec.name}.json"]) for spec in specs]
    assert read == specs
    again = render(
        make.request(*[evaluate(s, inputs) for s in read], participants=people)
    )
    assert again == first
    assert b"few-shot score has seen more" in first["cards/near.json"]
