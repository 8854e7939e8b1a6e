"""Counts that screens showed, as sets of people, and which of them tell too much.

Every exact count is held against the people it counts. Two of them that a reader
may subtract must not differ by a small number of people; that they do is found here by
sets of people and not by any rule of the studio.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from crawl import Seen, numeric

from edp_core.artifacts import read_inputs
from edp_core.inputs import Inputs
from edp_core.store import Store
from edp_core.study import load_study

EVERYBODY = ""
"""What is counted where no code is."""


@dataclass(frozen=True)
class Fact:
    """A count that was shown: of whom (scope), of what, and who that truly is."""

    scope: str
    what: str
    people: bytes
    """(n_participants,) bool, as bytes so that facts can be told apart."""
    view: str = field(compare=False)

    @property
    def who(self) -> np.ndarray:
        """(n_participants,) bool."""
        return np.frombuffer(self.people, bool)

    def __str__(self) -> str:
        return f"{self.what or 'N'} of {self.scope} = {self.who.sum()} ({self.view})"


class Truth:
    """Who is counted by what a screen shows of one organ and encoder."""

    def __init__(self, folder: Path, organ: str, encoder: str) -> None:
        study = load_study(folder)
        store = Store(study.store_path)
        self.pair = f"{organ}/{encoder}"
        self.inputs: Inputs = read_inputs(study, store, organ=organ, encoder=encoder)
        self.size = len(self.inputs.participants)
        self.seen = np.zeros(self.size, bool)
        self.seen[np.asarray(self.inputs.seen)] = True
        self.codes = set(self.inputs.phenome.traits["code"])
        within = np.asarray(self.inputs.phenome.within).reshape(-1, 2)
        names = self.inputs.phenome.traits["code"].to_numpy(object)
        self.nested = {(names[part], names[whole]) for part, whole in within}

    def cluster(self, number: int) -> np.ndarray:
        """Who is in a cluster."""
        found = np.zeros(self.size, bool)
        rows = np.asarray(self.inputs.seen)[np.asarray(self.inputs.clusters) == number]
        found[rows] = True
        return found

    def of(self, what: str) -> np.ndarray:
        """Who has a code, or a level of a column."""
        if what == EVERYBODY:
            return np.ones(self.size, bool)
        if what in self.codes:
            return self.inputs.phenome.cases(what)
        column, _, level = what.partition("#")
        values = self.inputs.participants[column]
        return (values.astype(str) == level if level else values.notna()).to_numpy()

    def counted(self) -> np.ndarray:
        """Who is in a PheWAS of a score: known in every usual covariate."""
        people = self.inputs.participants
        names = ["age_years", "sex", "bmi", "centre"]
        return self.seen & people[names].notna().all(axis=1).to_numpy()


def facts(seen: Seen, truth: Truth, view: str, **groups: np.ndarray) -> Iterator[Fact]:
    """Exact counts of a screen; ``groups`` are those drawn on it, by their names.

    A number that is not the true one was rounded, and is no fact.
    """

    def fact(scope: str, inside: np.ndarray, what: str, count: float) -> Iterator[Fact]:
        who = inside & truth.of(what)
        if count == who.sum():
            yield Fact(f"{truth.pair} {scope}".strip(), what, who.tobytes(), view)

    scopes = {"": truth.seen} | groups
    scopes |= {f"cluster {n}": truth.cluster(n) for n in range(8)}
    for name, number in seen.numbers:
        scope, _, end = name.rpartition(":")
        if end.strip() == "N" and (inside := _scope(scope, scopes)) is not None:
            yield from fact(scope.lower(), inside, EVERYBODY, number)
    for told, _ in seen.maps:
        if told["set"] != f"umap-{truth.pair.replace('/', '-')}":
            continue
        yield from fact("", truth.seen, EVERYBODY, told["n"])
        if told["title"] == "Cluster":
            for category in told["categories"]:
                if category["name"].isdigit() and category["count"].isdigit():
                    scope = f"cluster {category['name']}"
                    count = float(category["count"])
                    yield from fact(scope, scopes[scope], EVERYBODY, count)
    for frame in seen.frames:
        for scope, inside, column, what in _columns(frame, truth, groups):
            counts = numeric(frame, column)
            for row in np.flatnonzero(~np.isnan(counts)):
                named, members = scope(row), inside(row)
                if members is not None:
                    yield from fact(named, members, what(row), counts[row])


def _scope(name: str, scopes: dict[str, np.ndarray]) -> np.ndarray | None:
    return next((who for at, who in scopes.items() if at == name.lower()), None)


def _columns(
    frame: pd.DataFrame, truth: Truth, groups: dict[str, np.ndarray]
) -> Iterator[tuple]:
    """Columns of counts, and how to read the rows of each."""
    held = set(frame.columns)
    if {"code", "n_both"} <= held and "n_group" in held and groups:
        name, members = list(groups.items())[-1]
        codes = frame["code"].to_numpy(object)
        yield (lambda r: name), (lambda r: members), "n_both", codes.__getitem__
        yield (lambda r: name), (lambda r: members), "n_group", (lambda r: EVERYBODY)
    if {"code", "n_cases", "log10p"} <= held and set(frame["code"]) <= truth.codes:
        codes = frame["code"].to_numpy(object)
        yield (lambda r: ""), (lambda r: truth.seen), "n_cases", codes.__getitem__
    if {"code", "cluster", "n_both", "n_cluster"} <= held:  # the download: all of them
        codes = frame["code"].to_numpy(object)
        numbers = frame["cluster"].to_numpy(int)

        def scope(row: int) -> str:
            return f"cluster {numbers[row]}"

        def inside(row: int) -> np.ndarray:
            return truth.cluster(numbers[row])

        yield scope, inside, "n_both", codes.__getitem__
        yield scope, inside, "n_cluster", lambda r: EVERYBODY
    if {"outcome", "n", "n_cases", "kind"} <= held:
        outcomes = frame["outcome"].to_numpy(object)
        people = truth.counted()
        yield (lambda r: "PheWAS"), (lambda r: people), "n_cases", outcomes.__getitem__
        # N of a field is of whoever has a value; of a code of everybody who counts
        fields = [EVERYBODY if o in truth.codes else o.split("#")[0] for o in outcomes]
        yield (lambda r: "PheWAS"), (lambda r: people), "n", fields.__getitem__


def small_differences(
    found: set[Fact], nested: set[tuple[str, str]], threshold: int = 5
) -> list[str]:
    """Pairs of counts that a reader may subtract and that few people tell apart.

    Those of one code (or of everybody) in two scopes; of a scope and of a code in it;
    of two codes among everybody, and within any other scope where one is part of the
    other by what it means.
    """
    told = sorted(found, key=str)
    if not told:
        return []
    sets = np.stack([fact.who for fact in told]).astype(np.int32)
    sizes = sets.sum(axis=1)
    both = sets @ sets.T
    less, more = sizes[:, None] - both, sizes[None, :] - both
    near = (less < threshold) & (more < threshold) & ((less > 0) | (more > 0))
    pairs = np.argwhere(np.triu(near, 1)).tolist()
    return [
        f"{told[i]} beside {told[j]}"
        for i, j in pairs
        if _may_be_subtracted(told[i], told[j], nested)
    ]


def _may_be_subtracted(one: Fact, two: Fact, nested: set[tuple[str, str]]) -> bool:
    if one.scope.split(" ")[0] != two.scope.split(" ")[0]:
        return False  # organs can be held against each other: docs/disclosure.md
    if one.what == two.what:
        return True
    if one.scope != two.scope:
        return False
    whole = EVERYBODY in (one.what, two.what)
    parts = (one.what, two.what) in nested or (two.what, one.what) in nested
    return whole or parts or one.scope.count(" ") == 0  # everybody of an encoder


def lone_cells(found: set[Fact], truth: Truth) -> list[str]:
    """Codes whose hidden count in one cluster is all cases less those shown."""
    told = {(fact.scope, fact.what) for fact in found}
    bad = []
    for code in {what for scope, what in told if scope == truth.pair and what}:
        cells = [truth.cluster(n) & truth.of(code) for n in range(8)]
        hidden = [
            cell.sum()
            for n, cell in enumerate(cells)
            if truth.cluster(n).any()
            and (f"{truth.pair} cluster {n}", code) not in told
        ]
        if sum(hidden) and (len(hidden) == 1 or sum(hidden) < 5):
            bad.append(f"{code} of {truth.pair}: {hidden} follow from the rest")
    return bad
