"""Options of the methods on the screen Phenotype: what they ask, and how they say it.

Each gives what goes into the recipe and the parts of its suggested name; a part stands
there only where the option is not at its default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from app import data, figures
from app.state import Choice
from edp_core.recipe import Labels

SHARES = (1, 2, 5, 10, 20, 50, 100)
SCORES = {
    "out-of-fold": "out-of-fold",
    "held-out": "held-out",
    "leave-one-out": "leave-one-out",
    "best of fold (paper, optimistic)": "best-of-fold",
}
"""As it is written → as in the recipe."""
_SAID = (
    "Everybody by models that never saw them. Not circular.",
    "The second half of the folds by a model of the first: an exact p, but half of the "
    "participants have no score.",
    "Everybody by a model of all the others; takes no oversampling.",
    "Everybody by the one model with the best AUC in its fold. Most were in its "
    "training part: for comparison with the paper only.",
)
_SHORT = {"held-out": "heldout", "leave-one-out": "loo", "best-of-fold": "bestfold"}
_SMOTE = {
    "none": "Cases and controls as they are.",
    "expected": "SMOTE of the rarer class, in closed-form expectation.",
    "sampled": "SMOTE drawn once with a seed, as imbalanced-learn does; slow.",
}


@dataclass(frozen=True)
class Options:
    """What is passed to `app.recipes`, and parts of the suggested name."""

    design: dict[str, Any] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)

    def __add__(self, other: Options) -> Options:
        return Options(self.design | other.design, self.parts + other.parts)


def labels() -> Options:
    """How many of the cases' labels are used."""
    share = st.select_slider(
        "Labels used, % of cases",
        SHARES,
        value=100,
        key="labels",
        bind="query-params",
        help="Few-shot: a random share of the cases' labels; the others count as "
        "unlabelled. The tab *Few-shot curve* shows all shares.",
    )
    if share == 100:
        return Options({"labels": Labels()})
    seed = st.number_input(
        "Seed of the draw", 0, 9999, 0, key="label_seed", bind="query-params"
    )
    drawn = Labels(share=share / 100, seed=int(seed))
    return Options({"labels": drawn}, [f"{share}pct"])


def transform() -> Options:
    """What is done to the finished score."""
    chosen = st.segmented_control(
        "Transform",
        ("none", "rank-inverse-normal"),
        default="none",
        required=True,
        key="transform",
        bind="query-params",
        help="Rank-inverse-normal: Φ⁻¹((rank − 3/8)/(N + 1/4)), Blom's; a score with "
        "outliers or a long tail becomes normal, its order stays.",
    )
    if (chosen or "none") == "none":
        return Options()
    return Options({"transform": chosen}, ["rint"])


def classifier() -> Options:
    """Oversampling, and who scores whom, under *Advanced*."""
    given = data.study().analysis.oversampling
    asked = any(name in st.query_params for name in ("scoring", "oversampling"))
    with st.expander("Advanced", expanded=asked, icon=":material/tune:"):
        scored = st.radio(
            "Who scores whom",
            list(SCORES),
            captions=_SAID,
            key="scoring",
            bind="query-params",
        )
        score = SCORES[scored or "out-of-fold"]
        if score == "leave-one-out":
            oversampling = "none"
        else:
            oversampling = st.segmented_control(
                "Oversampling",
                list(_SMOTE),
                default=given,
                required=True,
                key="oversampling",
                bind="query-params",
                help="How the discriminant is told of rare cases. The study's scan "
                f"uses “{given}”.",
            ) or given  # fmt: skip
        st.caption(_SMOTE[oversampling])
    parts = [_SHORT[score]] if score in _SHORT else []
    if oversampling != given and score != "leave-one-out":
        parts.append(f"smote_{oversampling}")
    return Options({"oversampling": oversampling, "score": score}, parts)


def clusters(choice: Choice, *, few: bool) -> Options:
    """Which clusters, and whether all labels chose them.

    Parameters
    ----------
    few
        Whether only some labels are used: else they all choose.
    """
    if few:
        chosen_with = st.segmented_control(
            "Cluster chosen with",
            ("all labels", "kept labels"),
            default="all labels",
            required=True,
            key="chosen_with",
            bind="query-params",
            help="All labels: the cluster of the sidebar, which labels that count as "
            "unknown helped to choose. Kept labels: the cluster most enriched in the "
            "kept cases by Fisher's test, no other label seen.",
        )
        if chosen_with == "kept labels":
            return Options({"chosen_with": "kept"}, ["keptcluster"])
    first = choice.cluster or 0
    others = [str(i) for i in range(figures.n_clusters(choice)) if i != first]
    held = st.session_state.get("also")
    if held and not set(held) <= set(others):
        # the first cluster was changed to one of these
        st.session_state["also"] = [name for name in held if name in others]
    also = st.multiselect(
        "Together with clusters",
        others,
        key="also",
        bind="query-params",
        help="The cases of all of them together make the score.",
    )
    numbers = sorted(int(name) for name in also)
    name = "_".join(["cluster" + str(first), *map(str, numbers)])
    return Options({"also": tuple(numbers)}, [name])


def island() -> Options:
    """How far an island reaches, how much others weigh, and which one."""
    left, middle, right = st.columns(3)
    with left:
        gamma = st.number_input(
            "γ, weight of others",
            0.1,
            100.0,
            4.0,
            step=0.5,
            key="gamma",
            bind="query-params",
            help="How much the distance to one who is no case counts. At 1 labels "
            "hardly matter.",
        )
    with middle:
        reach = st.number_input(
            "λ, reach",
            0.01,
            1.99,
            0.3,
            step=0.05,
            key="reach",
            bind="query-params",
            help="Cosine distance up to which another case is worth having.",
        )
    with right:
        number = st.number_input(
            "Island",
            1,
            20,
            1,
            key="island",
            bind="query-params",
            help="1 is the best; each further one is sought among those not in one "
            "before.",
        )
    parts = [f"island{number}"]
    parts += [f"gamma{gamma:g}"] if gamma != 4 else []
    parts += [f"reach{reach:g}"] if reach != 0.3 else []
    design = {"gamma": gamma, "reach": reach, "number": int(number)}
    return Options(design, parts)
