"""Files of the export on the screen: of now, whole, and noted in the audit log."""

from __future__ import annotations

import json
import re

import pytest

from app import data, recipes
from app.export import handover
from app.state import Choice
from edp_core.errors import InputError
from edp_core.export import card
from edp_core.export.halves import Halving
from edp_core.export.regenie import read_back

CHOICE = Choice("liver", "mae", "I10", 1)


@pytest.fixture
def specs(own_study, monkeypatch):
    """Two recipes of a study of its own."""
    monkeypatch.setenv(data.STUDY_VARIABLE, str(own_study))
    file = own_study / "study.toml"
    section = r"(?ms)^\[populations\.everyone\].*?(?=^\[|\Z)"
    text = re.sub(section, "", file.read_text())
    file.write_text(text + '\n[populations.everyone]\nwithdrawals = "w"\n')
    (own_study / "w").write_text("")
    return [
        recipes.classifier(CHOICE, "I10", name="one"),
        recipes.code_itself("I10", name="two"),
    ]


def people(files: dict[str, bytes]) -> set[str]:
    """Ids of everybody in the export."""
    return set(read_back(files["keep.tsv"], header=False).iids)


def test_who_withdraws_is_left_out_of_the_next_export(specs, own_study):
    before = handover.render(specs, None)
    assert handover.render(specs, None) is before, "remembered while nothing changes"
    gone = min(people(before))
    (own_study / "w").write_text(gone + "\n")
    after = handover.render(specs, None)
    assert people(after) == people(before) - {gone}
    assert not any(gone.encode() in content for content in after.values())


def test_who_withdraws_in_another_population_is_left_out_too(specs, own_study):
    file = own_study / "study.toml"
    file.write_text(
        file.read_text() + '\n[populations.another]\nwithdrawals = "elsewhere"\n'
    )
    (own_study / "elsewhere").write_text("")
    before = handover.render(specs, None)
    gone = min(people(before))
    (own_study / "elsewhere").write_text(gone + "\n")
    after = handover.render(specs, None)
    assert people(after) == people(before) - {gone}
    assert not any(gone.encode() in content for content in after.values())


def test_a_changed_study_file_changes_the_export(specs, own_study):
    before = handover.render(specs, None)
    file = own_study / "study.toml"
    file.write_text(file.read_text().replace("Demo: simulated", "Another name of"))
    assert handover.render(specs, None)["methods.md"] != before["methods.md"]


def test_a_sample_file_decides_who_is_kept(specs, own_study):
    before = handover.render(specs, None)
    kept = sorted(people(before))[:60]
    fam = "".join(f"F{i} {i} 0 0 1 -9\n" for i in kept)
    after = handover.render(specs, fam)
    assert people(after) == set(kept)
    assert b"F" + kept[0].encode() in after["keep.tsv"]


def test_writing_twice_is_one_folder_and_two_lines(specs, own_study):
    files = handover.render(specs, None)
    assert handover.write(files) == handover.write(files)
    folders = list((own_study / "exports").iterdir())
    assert len(folders) == 1
    assert (folders[0] / "report.json").read_bytes() == files["report.json"]
    lines = (own_study / "store/audit.log").read_text().splitlines()
    assert len(lines) == 2
    assert all(json.loads(line) for line in lines)
    for eid in people(files):
        assert eid not in "".join(lines)


def test_the_options_of_a_recipe_reach_the_files(specs):
    optimistic = recipes.classifier(CHOICE, "I10", name="best", score="best-of-fold")
    normal = recipes.component(
        CHOICE, 1, name="normal", transform="rank-inverse-normal"
    )
    several = recipes.cluster(CHOICE, "I10", name="both", also=(0,))
    chosen = [*specs, optimistic, normal, several]
    files = handover.render(chosen, None)
    for spec in chosen:
        assert card.read(files[f"cards/{spec.name}.json"]) == spec


def test_halves_are_drawn_again_from_the_card_and_from_the_table(specs, own_study):
    plain = handover.render(specs, None)
    split = handover.render(specs, None, Halving(seed=3))
    assert set(split) - set(plain) == {"discovery.keep", "replication.keep"}
    halves = [
        set(read_back(split[f"{half}.keep"], header=False).iids)
        for half in ("discovery", "replication")
    ]
    assert not halves[0] & halves[1] and halves[0] | halves[1] == people(plain)
    again = card.read_halving(split["cards/one.json"])
    assert handover.render(specs, None, again) == split
    file = own_study / "study.toml"
    study = data.study()
    if study.genotypes is None or study.genotypes.relatedness is None:
        section = '[genotypes]\nbed = "g"\nrelatedness = "rel.dat"\n'
        file.write_text(file.read_text() + "\n" + section)
    table = data.study().path(data.study().genotypes.relatedness)
    one, two = min(halves[0]), min(halves[1])
    table.parent.mkdir(exist_ok=True)
    table.write_text(f"ID1 ID2 HetHet IBS0 Kinship\n{one} {two} 0.1 0.01 0.25\n")
    together = handover.render(specs, None, Halving(seed=3))
    assert (one in people_of(together, "discovery")) == (
        two in people_of(together, "discovery")
    )
    with pytest.raises(InputError, match="another table of relatives"):
        handover.render(specs, None, again)
    table.write_text("ID1 ID2\n")
    with pytest.raises(InputError, match="no column Kinship"):
        handover.render(specs, None, Halving(seed=3))


def people_of(files: dict[str, bytes], half: str) -> set[str]:
    """Ids of a half."""
    return set(read_back(files[f"{half}.keep"], header=False).iids)
