"""A visit to every screen of the study that tempts, with what each of them sent."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import facts
import numpy as np
import pandas as pd
import tempting
from crawl import Seen, broke, crawl
from facts import Fact, Truth
from streamlit.testing.v1 import AppTest

MAIN = str(Path(__file__).resolve().parents[2] / "app/main.py")
PAIRS = (("retina", "given"), ("retina", "other"), ("liver", "given"))
CODES = ("I10", "K760", "K76", "E119", "M545", "J459", "H250", "F320", "N180", "401.1")
TABS = (
    "Two phenotypes", "Correlations", "Confounders", "PheWAS",
    "Same people elsewhere", "Encoders and seeds",
)  # fmt: skip
LOOKS = ("Confounder radar", "Few-shot curve", "Power", "Probes", "Images", "GWAS")
LINE = 30
"""People left of the line that is drawn first."""


def views() -> Iterator[tuple[str, dict[str, str]]]:
    """Every screen with choices that tempt."""
    for organ, encoder in PAIRS:
        pair = {"organ": organ, "encoder": encoder}
        yield "overview", pair
        for code in CODES[:6]:
            yield "diseases", pair | {"code": code}
        for cluster in range(7):
            code = CODES[cluster]
            yield "clusters", pair | {"cluster": str(cluster), "code": code}
    for vocabulary in ("icd10-3", "icd10", "phecode", "medications"):
        yield "diseases", {"vocabulary": vocabulary}
        yield "clusters", {"vocabulary": vocabulary, "enriched": "true"}
    for colour in ("code", "score", "shift", "answers", "BMI", "centre"):
        yield "clusters", {"colour": colour, "code": "N180"}
    for lit in (["95", "100"], ["0", "1"], ["20", "60"]):
        yield "clusters", {"lit": lit, "code": "I10"}
        yield "clusters", {"lit": lit, "code": "N180", "colour": "code"}
    for code in ("I10", "K760", "F320", "401.1", "medications:sugar"):
        yield "phewas", {"code": code}
    yield "phewas", {"phewas_covariates": "age"}
    for code, tab in zip(CODES, TABS, strict=False):
        yield "compare", {"compared": tab, "code": code}
        yield "compare", {"compared": tab, "code": "N180", "cluster": "4"}
    for look in LOOKS:
        for method in ("Classifier", "Cluster", "Code", "Column"):
            yield "phenotype", {"look": look, "method": method, "code": "N180"}
        yield "phenotype", {"look": look, "code": "F320", "cluster": "4"}
    marked = f"medications:{tempting.CREAM}"
    for name in ("diseases", "clusters", "phenotype", "phewas"):
        yield name, {"code": marked, "colour": "code"}
        yield name, {"code": marked, "method": "Code", "look": "Images"}
    for tab in TABS:
        yield "compare", {"compared": tab, "code": marked}
    yield "export", {}
    yield "gwas", {}


@dataclass
class Crawl:
    """What every view sent, and the counts that stood in it."""

    views: list[tuple[str, Seen]] = field(default_factory=list)
    facts: set[Fact] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)
    refused: int = 0
    """Groups whose size was not told."""


class Visitor:
    """Opens screens of a study and remembers what they sent."""

    def __init__(self, study: Path, given: dict[str, str]) -> None:
        self.study, self.given, self.found = study, given, Crawl()
        self.truths = {pair: Truth(study, *pair) for pair in PAIRS}

    def truth(self, query: dict[str, str]) -> Truth:
        """Of the organ and encoder a view is of."""
        pair = (query.get("organ", "retina"), query.get("encoder", "given"))
        return self.truths[pair]

    def open(self, name: str, query: dict[str, str]) -> AppTest:
        """Open a screen."""
        at = AppTest.from_file(MAIN, default_timeout=120)
        for key, value in query.items():
            at.query_params[key] = value
        at.switch_page(f"../pages/{name}.py")
        return self.look(at, name, query)

    def look(
        self, at: AppTest, name: str, query: dict[str, str], **groups: np.ndarray
    ) -> AppTest:
        """Run a screen and keep what it sends."""
        self.given.clear()
        at.run()
        view = f"{name} {query}"
        if broke(at):
            self.found.broken.append(f"{view}: {[e.value for e in at.error]}")
        seen = crawl(at)
        for text in self.given.values():
            seen.texts.append(text)
            seen.frames.append(pd.read_csv(io.StringIO(text), comment="#"))
        told = {name: who for name, who in groups.items() if f"{name}: N" in sizes(at)}
        self.found.refused += len(groups) - len(told)
        members = {name.lower(): who for name, who in told.items()}
        self.found.facts |= set(facts.facts(seen, self.truth(query), view, **members))
        self.found.views.append((view, seen))
        return at


def sizes(at: AppTest) -> dict[str, str]:
    """Figures of a screen."""
    return {metric.label: metric.value for metric in at.metric}


def draw(visitor: Visitor) -> None:
    """Lassos of one person, of all but one, and nested ones that differ by few."""
    truth = visitor.truths["retina", "given"]
    umap = np.asarray(truth.inputs.umap, float)
    seen = np.asarray(truth.inputs.seen)
    n, xs = len(umap), np.sort(umap[:, 0])
    sides = [1, 4, LINE, LINE + 1, LINE + 4, LINE + 7, 2 * LINE, n - 1, n - 6]
    at = visitor.open("clusters", {})

    def lasso(inside: np.ndarray, corners: list, hidden: tuple[str, ...] = ()) -> None:
        drawn = {"polygon": corners, "hidden": list(hidden), "tool": "lasso"}
        at.session_state["drawn"] = drawn
        members = np.zeros(truth.size, bool)
        members[seen[inside]] = True
        # each has a name of its own among the facts
        visitor.look(at, "clusters", {"drawn": str(inside.sum())}, Drawn=members)

    for count in sides:
        edge = (xs[count - 1] + xs[count]) / 2
        lasso(umap[:, 0] < edge, [[-99, -99], [edge, -99], [edge, 99], [-99, 99]])
    # one person by themselves, wherever they are
    x, y = umap[7]
    near = float(np.sort(np.abs(umap - umap[7]).max(axis=1))[1]) / 2
    lasso(
        np.arange(n) == 7,
        [[x - near, y - near], [x + near, y - near], [x + near, y + near],
         [x - near, y + near]],
    )  # fmt: skip
    # everybody without the small clusters, and without one more
    everywhere = [[-99, -99], [99, -99], [99, 99], [-99, 99]]
    labels = np.asarray(truth.inputs.clusters)
    for hidden in (("small",), ("0",), ("0", "small"), ("1", "2", "3", "4", "small")):
        numbers = [5, 6] if "small" in hidden else []
        numbers += [int(name) for name in hidden if name != "small"]
        lasso(~np.isin(labels, numbers), everywhere, hidden)


def save(visitor: Visitor) -> None:
    """A group with a name, as a phenotype, in a PheWAS and on another organ's map."""
    at = visitor.open("clusters", {})
    at.session_state["drawn"] = {
        "polygon": [[-99, -99], [99, -99], [99, 99], [-99, 99]],
        "hidden": ["0"],
        "tool": "lasso",
    }
    at.run()
    at.text_input(key="group_name").set_value("tempting")
    next(b for b in at.button if b.form_id == "save_group").click()
    visitor.look(at, "clusters", {"saved": "tempting"})
    for look in LOOKS:
        query = {"method": "Group", "group": "tempting", "look": look}
        at = visitor.open("phenotype", query)
    next(b for b in at.button if b.form_id == "keep").click()
    visitor.look(at, "phenotype", {"kept": "tempting"})
    for tab in TABS:
        visitor.open("compare", {"compared": tab, "group": "tempting"})
    visitor.open("export", {"group": "tempting"})
    visitor.open("phewas", {"group": "tempting"})
