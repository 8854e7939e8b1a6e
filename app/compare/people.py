"""The same people elsewhere: where a group of one organ lies in another's clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from app import data, figures
from app.compare import picks as compare_picks
from app.compare.picks import Pick
from app.groups import kept as groups
from app.groups.store import Group
from app.state import Choice
from edp_core import differencing
from edp_core.appraisal.gathering import Gathered, gathering
from edp_core.crossed import hide_crossed
from edp_core.disclosure import about, hide_partition, is_small
from edp_core.inputs import group_key

TOP = 0.1
"""Share of people that is the top, or the bottom, of a score."""
POOLED = "hidden ones together"
DERIVED = [
    "expected", "share_of_cluster", "share_of_group", "odds_ratio", "or_low", "or_high",
    "log10p", "log10q",
]  # fmt: skip


@dataclass(frozen=True)
class Beside:
    """People whose counts in another organ's clusters may be known.

    Attributes
    ----------
    sets
        (m, n_seen) bool of the source: everybody, groups drawn before, clusters.
    made_of
        For each the clusters it consists of; its counts are known where the counts of
        all of these are shown. Empty for everybody and for groups.
    """

    sets: np.ndarray
    made_of: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Who:
    """Some people, and who could have been among them.

    Attributes
    ----------
    name
        As the screen calls them.
    source
        Organ and encoder they were found in; `None` for a column.
    labels
        (n_participants,) number of the part each belongs to, −1 for those who could
        not be in any. All clusters of an organ are looked at together, since the
        table of one would tell what that of another hides.
    part
        Which part they are.
    beside
        What no count of a drawn group may tell a small one beside; `None` for others.
    """

    name: str
    source: tuple[str, str] | None
    labels: np.ndarray
    part: int
    beside: Beside | None = None

    @property
    def members(self) -> np.ndarray:
        """(n_participants,) bool."""
        return np.asarray(self.labels == self.part)

    @property
    def key(self) -> str:
        """What a map with them lit is known by: the people, whatever they are called.

        Moved anew for every name, the mean of many maps would undo the moving.
        """
        return group_key(data.inputs().eids, self.members)

    @property
    def known(self) -> np.ndarray:
        """(n_participants,) bool, who could be a member."""
        return np.asarray(self.labels >= 0)


def cluster(choice: Choice) -> Who | None:
    """The chosen cluster; `None` where its size is hidden."""
    pair = (choice.organ, choice.encoder)
    given = data.inputs(*pair)
    labels = np.asarray(given.clusters)
    number = choice.cluster or 0
    if hide_partition(np.bincount(labels), figures.least())[number]:
        return None
    return Who(f"cluster {number} of {'/'.join(pair)}", pair,
               _whole(labels, np.asarray(given.seen)), number)  # fmt: skip


def end_of(pick: Pick, *, top: bool) -> Who:
    """The tenth of people with the highest, or lowest, values of a phenotype."""
    values = pick.score.values
    labels = np.where(np.isfinite(values), 0, -1)
    count = int(TOP * (labels == 0).sum())
    key = -values if top else values
    labels[np.argsort(key, kind="stable")[:count]] = 1
    name = f"{'top' if top else 'bottom'} tenth of {pick.name}"
    return Who(name, compare_picks.pair_of(pick.spec), labels, 1)


def group(entry: Group) -> Who:
    """A named group that was drawn on a map."""
    rule = entry.rule
    found = groups.members(entry)
    seen = np.asarray(data.inputs(rule.organ, rule.encoder).seen)
    labels = _whole(found.astype(np.int64), seen)
    asked = groups.store().asked(rule.atlas)
    own = min((a.id for a in asked if a.rule == rule), default=None)
    held = [groups.members(a.rule) for a in asked if own is None or a.id < own]
    clusters = np.asarray(data.atlas_array(rule.organ, rule.encoder, "clusters"))
    sets, origin = differencing.counted_sets(
        found, clusters, np.array(held, bool).reshape(len(held), len(found))
    )
    # groups and everybody have no clusters of which a cell would have to be shown
    made_of = [
        tuple(np.unique(clusters[one]).tolist()) if of < -1 else ()
        for one, of in zip(sets, origin.tolist(), strict=True)
    ]
    pair = (rule.organ, rule.encoder)
    beside = Beside(sets, tuple(made_of))
    return Who(f"group {entry.name}", pair, labels, 1, beside=beside)


def _whole(of_seen: np.ndarray, seen: np.ndarray) -> np.ndarray:
    labels = np.full(len(data.inputs().participants), -1, np.int64)
    labels[seen] = of_seen
    return labels


@dataclass(frozen=True)
class Elsewhere:
    """Where some people lie in the clusters of an embedding, disclosed.

    Attributes
    ----------
    table
        As `edp_core.appraisal.gathering.gathering`; a row ``hidden ones together``
        where counts of several clusters are hidden.
    together
        One test of all clusters.
    n
        Members in all, and those who have the embedding, as they may be shown.
    shown
        (n_seen,) bool of the embedding: members who may be lit on its map.
    """

    table: pd.DataFrame
    together: Gathered
    n: tuple[int | str, int | str]
    shown: np.ndarray


def elsewhere(who: Who, pair: tuple[str, str]) -> Elsewhere:
    """Where they lie in the clusters of another embedding.

    Notes
    -----
    Those who have the embedding but could not be members are left out. Where their
    number in a cluster is small, or would tell a small one, they stay in as others:
    the cluster is then as large as it is anyway known to be. Where the number of
    members without the embedding may not be told, all members count as having it. So
    no figure rests on more than what may be shown; they differ from the exact ones by
    those few people.
    """
    given = data.inputs(*pair)
    labels, seen = np.asarray(given.clusters), np.asarray(given.seen)
    least = figures.least()
    n_clusters = int(labels.max()) + 1
    counts = _crossed(who.labels, labels, seen=seen)
    hidden = hide_crossed(counts, least)
    full, gap = np.bincount(labels, minlength=n_clusters), counts[-1, :-1]
    sizes = np.where(hidden[-1, :-1], full, full - gap)
    both, without = counts[who.part, :-1], int(counts[who.part, -1])
    # a cluster whose size is hidden tells nothing here either
    dark = hidden[who.part].copy()
    dark[:-1] |= hide_partition(full, least) | is_small(sizes - both, least)
    dark |= _told_beside(who, labels, seen=seen)
    dark = hide_partition(counts[who.part], least, hidden=dark)
    untold, dark = bool(dark[-1]), dark[:-1]
    members = int(who.members.sum())
    has = members if untold else members - without
    table, together = _figures(both, sizes, dark, total=has)
    there: int | str = about(has, least) if untold else has
    lit = who.members[seen] & ~dark[labels]
    return Elsewhere(table, together, (figures.people(members), there), lit)


def _told_beside(who: Who, labels: np.ndarray, *, seen: np.ndarray) -> np.ndarray:
    """(n_clusters + 1,) bool: counts that would tell a small one beside other groups.

    Two groups that differ by many may differ by few in a cluster of another organ.
    """
    columns = int(labels.max()) + 1
    if who.beside is None or who.source is None:
        return np.zeros(columns + 1, bool)
    there = np.full(len(who.labels), columns)
    there[seen] = labels
    given = data.inputs(*who.source)
    rows = np.asarray(given.seen)
    parts = _whole(np.asarray(given.clusters), rows)
    hidden = hide_crossed(_crossed(parts, labels, seen=seen), figures.least())
    ones = np.ones(len(rows), np.int64)
    cells = (ones, (np.arange(len(rows)), there[rows]))
    has = sparse.csr_array(cells, shape=(len(rows), columns + 1))
    found = np.zeros(columns + 1, bool)
    for column in range(columns + 1):
        known = [not hidden[list(made), column].any() for made in who.beside.made_of]
        found[column] = differencing.hide_told(
            who.members[rows],
            who.beside.sets[known],
            has[:, [column]],
            threshold=figures.least(),
        )[0]
    return found


def _crossed(parts: np.ndarray, labels: np.ndarray, *, seen: np.ndarray) -> np.ndarray:
    """(n_parts + 1, n_clusters + 1) people; last: in no part, without the embedding."""
    rows, columns = int(parts.max()) + 1, int(labels.max()) + 1
    there = np.full(len(parts), columns)
    there[seen] = labels
    of = np.where(parts < 0, rows, parts)
    counts = np.zeros((rows + 1, columns + 1), np.int64)
    np.add.at(counts, (of, there), 1)
    counts[-1, -1] = 0  # who has neither is not looked at
    return counts


def _figures(
    both: np.ndarray, sizes: np.ndarray, dark: np.ndarray, *, total: int
) -> tuple[pd.DataFrame, Gathered]:
    """Figures of the clusters that may be shown, the others as one."""
    clear = np.flatnonzero(~dark)
    names = [str(number) for number in clear]
    inside, people = both[clear], sizes[clear]
    rest = total - int(inside.sum())
    # nothing is left over where no count is hidden: a hidden one never stands alone
    if dark.any():
        names.append(POOLED)
        inside = np.append(inside, rest)
        people = np.append(people, max(int(sizes[dark].sum()), rest))
    table, together = gathering(inside, people)
    table["cluster"] = names
    table = table.astype({"n_both": "Int64", "n_cluster": "Int64"})
    pooled = table["cluster"] == POOLED
    few = is_small(table["n_both"].to_numpy(int), figures.least())
    for name in ("n_both", "n_cluster", *DERIVED):
        table[name] = table[name].mask(pooled & few)
    return table.round(
        {"expected": 1, "share_of_cluster": 3, "share_of_group": 3, "odds_ratio": 3,
         "or_low": 3, "or_high": 3, "log10p": 2, "log10q": 2}
    ), together  # fmt: skip


def targets(source: tuple[str, str] | None) -> list[str]:
    """Other embeddings of the study, those of other organs first."""
    pairs = [pair for pair in data.study().pairs() if pair != source]
    here = source[0] if source else ""
    there = [pair for pair in pairs if not data.missing([f"atlas/{'/'.join(pair)}"])]
    return ["/".join(pair) for pair in sorted(there, key=lambda p: p[0] == here)]


def choices(chosen: Sequence[Pick]) -> list[Pick]:
    """Phenotypes whose top and bottom can be looked at: numbers, not codes."""
    return [pick for pick in chosen if pick.score.kind == "quantitative"]
