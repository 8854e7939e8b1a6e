"""The control every few-shot score needs.

The mean of a few members of a cluster resembles the mean of the cluster whoever they
are. So beside a few-shot score stands the score of as many members of the same cluster
drawn at random, without regard to the code.
"""

from __future__ import annotations

import numpy as np

from edp_core.errors import InputError
from edp_core.likeness import in_clusters
from edp_core.phenotype import Inputs, adjusted_vectors
from edp_core.recipe import ClusterSpec
from edp_core.scoring import clusters, fewshot
from edp_core.stats.transform import rank_inverse_normal


def control_score(spec: ClusterSpec, inputs: Inputs) -> np.ndarray:
    """Score of random members of the cluster, as many as the recipe's labelled cases.

    Parameters
    ----------
    spec
        A cluster-guided recipe.
    inputs
        What `evaluate` takes.

    Returns
    -------
    numpy.ndarray
        (n_participants,) float64 as `evaluate` gives it; NaN without an image.

    Raises
    ------
    InputError
        Where the cluster has no labelled case or too few members.
    """
    vectors = adjusted_vectors(spec, inputs)
    if inputs.seen is None or inputs.clusters is None:
        raise InputError("There is no atlas at hand", "run the analyse step")
    cases = inputs.phenome.cases(spec.trait)[inputs.seen]
    kept = fewshot.keep_labels(cases, share=spec.labels.share, seed=spec.labels.seed)
    inside = in_clusters(spec, inputs)
    drawn = fewshot.control_members(kept & inside, inside, seed=spec.labels.seed)
    scores = clusters.cluster_score(
        vectors, drawn, centred=spec.centred, self_excluded=spec.self_excluded
    )
    values = np.full(len(inputs.participants), np.nan)
    values[inputs.seen] = spec.sign * scores
    if spec.transform == "rank-inverse-normal":
        values = rank_inverse_normal(values)
    return values
