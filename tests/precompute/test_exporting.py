"""How the command `export` learns of cards and halves."""

from __future__ import annotations

import json

import pytest

from edp_core.errors import InputError
from edp_core.export import card
from edp_core.export.halves import Halving
from edp_core.export.methods import Entry
from edp_core.recipe import ColumnSpec
from precompute.exporting import cards_in, halving_of

SPEC = ColumnSpec(name="bmi_raw", population="everyone", cohort="c", column="bmi")


@pytest.fixture
def write(tmp_path):
    """Write the card of an export that was split so, or not."""

    def made(name, halving=None):
        path = tmp_path / "cards" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        entry = Entry(SPEC, "quantitative", {})
        path.write_bytes(
            card.render_card(
                entry, study="s", simulated=True, versions={}, halving=halving
            )
        )
        return path

    return made


def asked(cards, *, asked=None, seed=None, share=None):
    return halving_of(cards, asked=asked, seed=seed, share=share)


def test_a_folder_is_the_cards_in_it(write, tmp_path):
    two, one = write("b"), write("a")
    assert cards_in([tmp_path / "cards"]) == [one, two]
    assert cards_in([two, tmp_path / "cards"]) == [two, one, two]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no card"):
        cards_in([tmp_path / "empty"])


def test_what_is_asked_for_goes_before_what_cards_say(write):
    split = Halving(seed=4, share=0.3, relatedness="none")
    cards = [write("a", split), write("b", split)]
    assert asked(cards) == split
    assert asked(cards, asked=True) == split
    assert asked(cards, asked=False) is None
    assert asked(cards, seed=9) == Halving(seed=9)
    assert asked(cards, asked=True, share=0.6) == Halving(share=0.6)


def test_cards_without_halves_are_not_split(write):
    cards = [write("a"), write("b")]
    assert asked(cards) is None
    assert asked(cards, asked=True) == Halving()


def test_cards_that_disagree_are_refused(write):
    cards = [write("a", Halving(seed=1)), write("b")]
    with pytest.raises(InputError, match="split in different ways"):
        asked(cards)
    assert asked(cards, asked=True) == Halving()
    with pytest.raises(InputError, match="no halves"):
        asked(cards, asked=False, seed=1)


def test_a_bare_recipe_says_nothing_of_halves(tmp_path):
    path = tmp_path / "bare.json"
    path.write_text(json.dumps(SPEC.model_dump(mode="json")))
    assert asked([path]) is None
