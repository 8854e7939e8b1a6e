"""Groups whose images may be looked at: who is in them, and who is compared with them.

A group is a cluster, the ends of a phenotype or the cases of a code. Single images are
shown of clusters, of groups drawn on the map and behind its points; of cases only the
mean, since an image beside a code would say who has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from app import data, figures, state
from app.groups import kept as groups
from app.groups.kept import Group
from app.state import Choice
from edp_core import disclosure
from edp_core.errors import MissingArtifactError
from edp_core.phenotype import Inputs, Phenotype


@dataclass(frozen=True)
class Members:
    """A group of the people of an embedding.

    Attributes
    ----------
    name
        As headings call it.
    members, pool
        (n_seen,) bool: the group, and who may be compared with it.
    """

    name: str
    members: np.ndarray
    pool: np.ndarray


def offered(
    choice: Choice, score: Phenotype | None
) -> dict[str, Callable[[], Members]]:
    """Groups a mean image can be asked of; each is made when it is.

    Whatever stands here holds enough people, and the number of them may be shown.
    """
    found: dict[str, Callable[[], Members]] = {}
    if score is not None and score.kind == "quantitative":
        values = score.values[np.asarray(_inputs(choice).seen)]
        if np.isfinite(values).sum() >= 10 * figures.least():
            for top in (True, False):
                found[_end(top=top)] = partial(_tenth, values, top=top)
    trait = getattr(score.spec, "trait", None) if score is not None else None
    for code in dict.fromkeys(filter(None, (trait, choice.code))):
        if _is_shown(choice, str(code)):
            name = f"Cases of {state.label(str(code))}"
            found[name] = partial(_cases, choice, str(code))
    drawn = groups.chosen(choice)
    if drawn is not None:
        found[f"Group {drawn.name}"] = partial(_drawn, choice, drawn)
    for number in shown_clusters(choice):
        found[f"Cluster {number}"] = partial(cluster, choice, number)
    return found


def shown_clusters(choice: Choice) -> list[int]:
    """Clusters whose size may be shown, the chosen one first."""
    sizes = np.bincount(np.asarray(_inputs(choice).clusters))
    hidden = disclosure.hide_partition(sizes, figures.least())
    numbers = np.flatnonzero(~hidden).tolist()
    return sorted(numbers, key=lambda number: number != (choice.cluster or 0))


def _inputs(choice: Choice) -> Inputs:
    return data.inputs(choice.organ, choice.encoder)


def _drawn(choice: Choice, group: Group) -> Members:
    inside = groups.members(group, choice)
    return Members(f"Group {group.name}", inside, ~inside)


def _end(*, top: bool) -> str:
    return f"{'Top' if top else 'Bottom'} tenth of the phenotype"


def cluster(choice: Choice, number: int) -> Members:
    """The people of a cluster, and everybody else."""
    inside = np.asarray(_inputs(choice).clusters) == number
    return Members(f"Cluster {number}", inside, ~inside)


def _tenth(values: np.ndarray, *, top: bool) -> Members:
    known = np.isfinite(values)
    end = np.quantile(values[known], 0.9 if top else 0.1)
    inside = known & (values >= end if top else values <= end)
    return Members(_end(top=top), inside, known & ~inside)


def _is_shown(choice: Choice, code: str) -> bool:
    """Whether a code's number of cases stands on the screens."""
    try:
        scan = data.scan(choice.organ, choice.encoder)
    except MissingArtifactError:
        return False
    row = scan[scan["code"] == code]
    return bool(len(row)) and bool(row["n_cases"].notna().all())


def _cases(choice: Choice, code: str) -> Members:
    given = _inputs(choice)
    seen = np.asarray(given.seen)
    cases = given.phenome.cases(code)[seen]
    counted = given.phenome.eligible(code)[seen]
    return Members(f"Cases of {state.label(code)}", cases, counted & ~cases)
