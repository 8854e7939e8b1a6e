"""A crawl of every screen of a study that tempts, and what must not be found there."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import facts
import numpy as np
import pandas as pd
import pytest
import streamlit as st
import tempting
from crawl import Seen, counts, read, small
from facts import EVERYBODY
from streamlit.proto.Components_pb2 import SpecialArg
from streamlit.proto.Delta_pb2 import Delta
from visiting import Visitor, draw, save, views

from app import vocabulary
from app.routes import SCREENS
from edp_core.store import Store, read_array

MARKUP = re.compile(r"(?<!\\)([*$\[]|<b>)Zed")
"""A mark of `tempting.MARKED` that no backslash stands before."""
SAID = re.compile(
    r"\b[1-4] (?:participants|people|cases|controls|members)\b(?! only| for each| each)"
)


@pytest.fixture(scope="module")
def study(tempting_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the study that tempts: groups are drawn in it."""
    folder = tmp_path_factory.mktemp("visited") / "study"
    shutil.copytree(tempting_study, folder)
    return folder


@pytest.fixture(scope="module")
def given() -> Iterator[dict[str, str]]:
    """Tables that the screen drawn last gives to download, by their names."""
    held: dict[str, str] = {}
    draw_button = st.download_button

    def spy(label: str, data: object, file_name: str, *args: object, **more: object):
        if str(file_name).endswith(".csv"):
            held[file_name] = data() if callable(data) else data
        return draw_button(label, data, file_name, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(st, "download_button", spy)
        yield held


@pytest.fixture(scope="module")
def visitor(study: Path, given: dict[str, str]) -> Iterator[Visitor]:
    """Everything has been visited."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDP_STUDY", str(study))
        visitor = Visitor(study, given)
        for name, query in views():
            visitor.open(name, query)
        draw(visitor)
        save(visitor)
        without_images = study / "study.toml"
        text = without_images.read_text()
        without_images.write_text(text.replace("images = true", "images = false"))
        for name, query in (("clusters", {}), ("phenotype", {"look": "Images"})):
            visitor.open(name, query | {"images": "off"})
        without_images.write_text(text)
        yield visitor


# ---- the study is what it is meant to be ---------------------------------------------
def test_the_study_tempts(study, visitor):
    sizes = np.bincount(
        read_array(Store(study / "store").at("atlas/retina/given"), "clusters")
    )
    assert {3, 4} <= set(sizes.tolist())
    truth = visitor.truths["retina", "given"]
    cases = {code: int((truth.of(code) & truth.seen).sum()) for code in truth.codes}
    assert {1, 2, 3, 4} <= set(cases.values())
    assert 1 <= cases["K76"] - cases["K760"] < 5
    assert 1 <= cases["M54"] - cases["M545"] < 5
    assert truth.seen.sum() - visitor.truths["liver", "given"].seen.sum() in range(
        -4, 5
    )
    assert set(SCREENS) <= {view.split(" ")[0] for view, _ in visitor.found.views}


# ---- what must not be found ------------------------------------------------------
def test_every_view_is_drawn(visitor):
    assert not visitor.found.broken
    assert len(visitor.found.views) > 100


def test_no_view_names_anybody(visitor):
    for view, seen in visitor.found.views:
        assert tempting.NAME not in seen.everything, view
        for frame in seen.frames:
            names = {str(name).lower() for name in frame.columns}
            assert not {"eid", "iid", "fid"} & names, view


def test_no_view_tells_a_small_count(visitor):
    told = [(view, small(counts(seen))) for view, seen in visitor.found.views]
    assert not [(view, where) for view, where in told if where]
    for view, seen in visitor.found.views:
        assert not SAID.findall("\n".join(seen.texts)), view


def test_no_two_counts_that_are_shown_differ_by_few_people(visitor):
    nested = visitor.truths["retina", "given"].nested
    pairs = facts.small_differences(visitor.found.facts, nested)
    assert not pairs, "\n".join(pairs)
    for truth in visitor.truths.values():
        assert not facts.lone_cells(visitor.found.facts, truth)


def test_no_colour_of_a_map_has_few_points(visitor):
    held = 0
    for view, seen in visitor.found.views:
        for told, points in seen.maps:
            parts = [points["category"]]
            if told["highlight"] is not None:
                parts.append(points["lit"])
                if told["outline"] is None:  # else who lies inside is seen anyway
                    parts.append(points[points["lit"]]["category"])
            for part in parts:
                few = part.value_counts()
                assert not few[few < 5].any(), (view, told["title"])
                held += 1
    assert held > 30


def test_names_of_a_study_are_no_markup(visitor):
    told = "\n".join(text for _, seen in visitor.found.views for text in seen.rendered)
    assert vocabulary.plain(tempting.MARKED) in told
    assert not [line for line in told.split("\n") if MARKUP.search(line)]


def test_images_are_sent_where_they_are_allowed_alone(visitor):
    drawn = {view: len(seen.galleries) for view, seen in visitor.found.views}
    off = [view for view in drawn if "'images': 'off'" in view]
    assert len(off) == 2
    assert not sum(drawn[view] for view in off)
    assert sum(drawn.values()) > 20


# ---- and the crawl can find it ---------------------------------------------------
def test_the_crawl_saw_counts_of_every_kind(visitor):
    found = visitor.found.facts
    assert visitor.found.refused >= 4, "lassos of few people were told"
    scopes = {fact.scope for fact in found}
    assert {"retina/given", "liver/given", "retina/given PheWAS"} <= scopes
    assert {"retina/given cluster 0", "liver/given cluster 0"} <= scopes
    assert sum(fact.scope == "retina/given drawn" for fact in found) > 10
    assert sum(fact.what != EVERYBODY for fact in found) > 200


def test_an_id_or_a_small_count_is_found(visitor):
    _, seen = visitor.found.views[-1]
    more = Seen(texts=[*seen.texts, f"{tempting.NAME}1234567 has a N = 3"])
    assert tempting.NAME in more.everything
    assert small(counts(more))
    assert SAID.findall("of 3 people")
    eids = pd.read_csv(visitor.study / "participants.csv")["eid"]
    assert eids.str.startswith(tempting.NAME).all()


def test_bytes_that_nobody_reads_fail(visitor):
    with pytest.raises(AssertionError, match=r"nobody reads SpecialArg\.bytes"):
        read(SpecialArg(key="x", bytes=b"anything"), Seen())
    delta = Delta()
    delta.new_element.bidi_component.component_name = "another"
    delta.new_element.bidi_component.bytes = b"anything"
    with pytest.raises(AssertionError, match="nobody reads"):
        read(delta, Seen())


def off(patch: pytest.MonkeyPatch, names: dict[str, Callable]) -> None:
    """Put other functions in the place of rules, wherever they are used."""
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").split(".")[0] in ("edp_core", "app"):
            for name, other in names.items():
                if name in vars(module):
                    patch.setattr(module, name, other)
    st.cache_data.clear()
    st.cache_resource.clear()


def nothing(counts: object, *args: object, **more: object) -> np.ndarray:
    """No count is small, none is hidden."""
    return np.zeros(np.shape(counts), bool)


def nothing_of_codes(side: object, counts: object, *args: object, **more: object):
    """No code is hidden beside others."""
    return np.zeros(np.shape(counts), bool)


def nobody(*given: object, **more: object) -> np.ndarray:
    """No set of people is near another."""
    return np.zeros(0, np.int64)


RULES: dict[str, dict[str, Callable]] = {
    "small counts": {"is_small": nothing, "hide_partition": nothing},
    "related codes": {
        "hide_related": nothing_of_codes,
        "hide_nested": nothing_of_codes,
    },
}


@pytest.mark.parametrize("rule", RULES)
def test_without_its_rules_the_studio_is_caught(visitor, copy_of, rule, monkeypatch):
    study = copy_of(visitor.study)
    (study / "store/studio.db").unlink()
    monkeypatch.setenv("EDP_STUDY", str(study))
    other = Visitor(study, visitor.given)
    try:
        off(monkeypatch, RULES[rule])
        if rule == "drawn groups":
            draw(other)
        else:
            other.open("diseases", {"vocabulary": "icd10"})
            other.open("clusters", {"code": "I10"})
    finally:
        monkeypatch.undo()
        st.cache_data.clear()
        st.cache_resource.clear()
    told = [small(counts(seen)) for _, seen in other.found.views]
    nested = other.truths["retina", "given"].nested
    if rule == "small counts":
        assert any(told)
    else:
        assert facts.small_differences(other.found.facts, nested)
