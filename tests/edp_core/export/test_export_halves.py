"""Discovery and replication: nobody in both, no family parted, the same every time."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, kstest

from edp_core.errors import InputError
from edp_core.export import card
from edp_core.export.bundle import render, write_folder
from edp_core.export.halves import Halving, draw, halve
from edp_core.export.regenie import read_back, validate_table
from edp_core.people.relatedness import Relatedness, families


def relatives(pairs) -> Relatedness:
    return Relatedness(tuple(sorted(tuple(sorted(pair)) for pair in pairs)))


def keep(files, half) -> set[str]:
    return set(validate_table(files[f"{half}.keep"], role="keep").iids)


# ---- the draw --------------------------------------------------------------------
@given(
    st.lists(st.tuples(st.integers(0, 79), st.integers(0, 79)), max_size=70),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_no_family_is_parted_and_nobody_is_in_both(edges, seed):
    pairs = [(f"{a:03d}", f"{b:03d}") for a, b in edges if a != b]
    eids = np.array([f"{i:03d}" for i in range(60)])  # 20 relatives are not exported
    try:
        made = halve(eids, Halving(seed=seed), relatives=relatives(pairs), threshold=5)
    except InputError as error:
        assert "would hold" in error.message  # all in one family, say
        return
    first, second = (set(eids[rows]) for rows in made.rows.values())
    assert not first & second and first | second == set(eids)
    head = families(pairs)
    for one in eids:
        for two in eids:
            if one in head and head[one] == head.get(two):
                assert (one in first) == (two in first)


def test_the_draw_is_uniform_and_seeds_are_independent():
    keys = [f"{1000000 + i}" for i in range(20_000)]
    ranks = np.zeros(len(keys))
    for share in np.arange(0.05, 1, 0.05):
        ranks += draw(keys, seed=3, share=share)
    # shares in tenths are met, each within chance
    for share in (0.1, 0.5, 0.8):
        chosen = draw(keys, seed=3, share=share)
        assert binomtest(int(chosen.sum()), len(keys), share).pvalue > 1e-4
    one, two = (draw(keys, seed=seed, share=0.5) for seed in (3, 4))
    assert binomtest(int((one == two).sum()), len(keys), 0.5).pvalue > 1e-4
    jitter = np.random.default_rng(0).random(len(keys))
    assert kstest((ranks + jitter) / 20, "uniform").pvalue > 1e-4
    smaller = draw(keys, seed=3, share=0.3)
    assert not (smaller & ~draw(keys, seed=3, share=0.5)).any(), "a part of the larger"


@given(st.permutations(range(40)), st.integers(0, 39))
@settings(max_examples=30)
def test_order_and_others_move_nobody(order, gone):
    keys = np.array([f"p{i}" for i in range(40)])
    whole = dict(zip(keys, draw(keys.tolist(), seed=1, share=0.5), strict=True))
    there = [keys[i] for i in order if i != gone]
    part = dict(zip(there, draw(there, seed=1, share=0.5), strict=True))
    assert all(whole[key] == half for key, half in part.items())


def test_relatives_are_linked_through_people_who_are_not_exported():
    eids = np.array([f"{i:04d}" for i in range(400)])
    pairs = [(eids[i], f"x{i}") for i in range(0, 400, 2)]
    pairs += [(f"x{i}", eids[i + 1]) for i in range(0, 400, 2)]
    made = halve(eids, Halving(), relatives=relatives(pairs), threshold=5)
    assert (made.discovery[::2] == made.discovery[1::2]).all()
    assert made.n_families == 200
    assert "not exported: about 200" in made.notes[0]


def test_a_table_of_others_is_told():
    eids = np.array([f"{i:04d}" for i in range(100)])
    made = halve(eids, Halving(), relatives=relatives([("a", "b")]), threshold=5)
    assert "nobody exported is in the table" in made.notes[0]
    assert made.n_families == 0
    none = halve(eids, Halving(), relatives=None, threshold=5)
    assert "relatives may stand in both halves" in none.notes[0]
    assert none.halving.relatedness == "none" and none.n_families is None


def test_another_table_than_the_card_s_is_refused():
    eids = np.array([f"{i:04d}" for i in range(100)])
    one, two = relatives([("0001", "0002")]), relatives([("0001", "0003")])
    made = halve(eids, Halving(), relatives=one, threshold=5).halving
    assert halve(eids, made, relatives=one, threshold=5).halving == made
    for other in (two, None):
        with pytest.raises(InputError, match="another table of relatives"):
            halve(eids, made, relatives=other, threshold=5)


def test_a_small_half_is_refused_without_its_count():
    eids = np.array([f"{i:04d}" for i in range(40)])
    with pytest.raises(InputError, match="for discovery would hold <30 of 40"):
        halve(eids, Halving(), relatives=None, threshold=30)


# ---- the files -------------------------------------------------------------------
@pytest.fixture
def request_(make):
    people, phenotypes = make.people(1200), []
    rng = np.random.default_rng(5)
    spec = make.column().spec
    column = replace(
        make.column(values=rng.normal(1500, 200, 1200)),
        spec=spec.model_copy(update={"name": "volume"}),
    )
    phenotypes = [make.classifier(n=1200), make.code(n=1200), column]
    eids = make.eids(1200)
    pairs = [(eids[i], eids[i + 1]) for i in range(0, 600, 3)]
    return make.request(
        *phenotypes,
        participants=people,
        halving=Halving(seed=7, share=0.4),
        relatives=relatives(pairs),
    )


@pytest.fixture
def files(request_):
    return render(request_)


def test_the_halves_are_all_who_are_exported(request_, files):
    everyone = set(read_back(files["keep.tsv"], header=False).iids)
    first, second = keep(files, "discovery"), keep(files, "replication")
    assert not first & second and first | second == everyone
    assert abs(len(first) - 480) < 5 * np.sqrt(2 * 1200 * 0.24)
    for one, two in request_.relatives.pairs:
        assert (one in first) == (two in first)
    plain = render(replace(request_, halving=None))
    same = [name for name in plain if name.endswith(".tsv")]
    assert all(plain[name] == files[name] for name in same)
    assert set(files) - set(plain) == {"discovery.keep", "replication.keep"}


def test_again_is_the_same_and_the_card_splits_alike(request_, files):
    assert render(request_) == files
    halving = card.read_halving(files["cards/volume.json"])
    assert halving == Halving(seed=7, share=0.4, relatedness=request_.relatives.key)
    assert render(replace(request_, halving=halving)) == files
    other = render(replace(request_, halving=Halving(seed=8, share=0.4)))
    assert keep(other, "discovery") != keep(files, "discovery")
    plain = render(replace(request_, halving=None))
    assert card.read_halving(plain["cards/volume.json"]) is None
    assert "halves" not in json.loads(plain["cards/volume.json"])
    assert "halves" not in json.loads(plain["report.json"])


def test_whoever_withdraws_moves_nobody(request_, files):
    gone = sorted(keep(files, "discovery"))[0]
    later = render(replace(request_, withdrawn=frozenset({gone})))
    assert keep(later, "discovery") == keep(files, "discovery") - {gone}
    assert keep(later, "replication") == keep(files, "replication")
    assert not any(gone.encode() in content for content in later.values())


def test_readme_and_methods_say_it(files):
    readme, methods = files["README.txt"].decode(), files["methods.md"].decode()
    assert "Halves: seed 7, share for discovery 0.4; families are kept together" in (
        readme
    )
    for text in (readme, methods):
        assert "made once, of both halves" in text
    assert "## Discovery and replication" in methods
    assert "kinship of at least 0.0442" in methods and "seed 7" in methods


def test_counts_of_halves_give_no_small_count_away(request_, files):
    told = json.loads(files["report.json"])
    counts = told["halves"]["participants"]
    first = len(keep(files, "discovery"))
    assert counts["discovery"] in (first, f"about {(first + 5) // 10 * 10}")
    cases = told["halves"]["phenotypes"]["H40"]["cases"]
    assert set(cases) == {"discovery", "replication"}
    # one participant less has the column: the halves must not tell in which half
    column = request_.phenotypes[2]
    values = column.values.copy()
    values[0] = np.nan
    few = replace(
        request_, phenotypes=(request_.phenotypes[0], replace(column, values=values))
    )
    halves = json.loads(render(few)["report.json"])["halves"]
    both = (halves["participants"], halves["phenotypes"]["volume"]["participants"])
    for half in ("discovery", "replication"):
        one, two = (counts[half] for counts in both)
        exact = isinstance(one, int) and isinstance(two, int)
        assert not exact or abs(one - two) >= 5, "coarse beside the other"


def test_few_cases_in_a_half_are_refused(make):
    values = np.zeros(make.n)
    values[:16] = 1
    request = make.request(make.code(values=values), halving=Halving())
    with pytest.raises(InputError, match=r"In the half for .*fewer than 10 cases"):
        render(request)
    render(replace(request, halving=None))


def test_cards_with_an_odd_split_are_named(files):
    content = json.loads(files["cards/volume.json"])
    for halves in ({"seed": -1}, {"share": 1}, {"seed": 0, "x": 1}, 7, None):
        text = json.dumps(content | {"halves": halves}).encode()
        with pytest.raises(InputError, match="'halves' is wrong"):
            card.read_halving(text)


# ---- what runs on them -----------------------------------------------------------
STAND_IN = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$LOG"
while [ $# -gt 0 ]; do
  if [ "$1" = --step ]; then step=$2; fi
  if [ "$1" = --out ]; then out=$2; fi
  shift
done
if [ "$step" = 1 ]; then
  echo '1 0.5' >"${out}_1.loco"; echo "x ${out}_1.loco" >"${out}_pred.list"
fi
"""


@pytest.fixture
def run(files, tmp_path):
    folder = write_folder(files, tmp_path / "an export")
    tool, log = tmp_path / "regenie", tmp_path / "log"
    tool.write_text(STAND_IN)
    tool.chmod(0o755)
    for name in ("cal.bed", "cal.bim", "cal.fam", "i.pgen", "i.pvar", "i.psam"):
        (tmp_path / name).write_text("x")
    settings = {
        "PATH": "/usr/bin:/bin", "LOG": str(log), "REGENIE": str(tool),
        "STEP1_BED": str(tmp_path / "cal"), "STEP2_PGEN": str(tmp_path / "i"),
        "CHROMOSOMES": "1 2", "RESULTS": str(tmp_path / "the results"),
    }  # fmt: skip

    def call(**changes):
        log.write_text("")
        done = subprocess.run(
            ["bash", str(folder / "run_regenie.sh")],
            env=settings | changes, cwd="/", capture_output=True, text=True,
        )  # fmt: skip
        return done, log.read_text().splitlines()

    return call


def test_both_steps_run_in_each_half(run):
    done, calls = run()
    assert done.returncode == 0, done.stderr
    assert len(calls) == 2 * 3 * (1 + 2)
    for half, of_half in (("discovery", calls[:9]), ("replication", calls[9:])):
        assert all(f"an export/{half}.keep " in c for c in of_half)
        assert all(f"the results/{half}/" in c for c in of_half)
    assert "keep.tsv" not in " ".join(calls)


def test_one_half_alone_and_those_fit_for_step_1(run, files, tmp_path):
    done, calls = run(HALVES="replication", STEPS="1")
    assert done.returncode == 0 and len(calls) == 3
    chosen = sorted(keep(files, "discovery"))[:3]
    lines = [f"{eid} {eid}" for eid in (*chosen, *sorted(keep(files, "replication")))]
    (tmp_path / "qc").write_text("\n".join(lines) + "\n")
    done, calls = run(HALVES="discovery", STEPS="1", QC_ID=str(tmp_path / "qc"))
    assert done.returncode == 0, done.stderr
    kept = (tmp_path / "the results/discovery/keep_qc.tsv").read_text()
    assert kept == "".join(f"{eid}\t{eid}\n" for eid in chosen)


@pytest.mark.parametrize("halves", ["both", " ", "discovery all"])
def test_an_unknown_half_is_refused(run, halves):
    done, calls = run(HALVES=halves)
    assert done.returncode == 2 and not calls
    assert "HALVES: give discovery, replication or both" in done.stderr


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not there")
def test_shellcheck_of_halves(files, tmp_path):
    write_folder(files, tmp_path / "export")
    path = str(tmp_path / "export/run_regenie.sh")
    done = subprocess.run(["shellcheck", path], capture_output=True, text=True)
    assert done.stdout == ""


@pytest.mark.skipif(not shutil.which("plink2"), reason="plink2 is not there")
def test_plink2_keeps_each_half(files, tmp_path):
    write_folder(files, tmp_path / "export")
    n = 1200
    subprocess.run(
        ["plink2", "--dummy", str(n), "10", "--make-bed", "--out", "made",
         "--threads", "1"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    fam = (tmp_path / "made.fam").read_text().splitlines()
    eids = [f"{1000001 + i}" for i in range(n)]
    named = [
        "\t".join([eid, eid, *line.split()[2:]])
        for eid, line in zip(eids, fam, strict=True)
    ]
    (tmp_path / "made.fam").write_text("\n".join(named) + "\n")
    for half in ("discovery", "replication"):
        subprocess.run(
            ["plink2", "--bfile", "made", "--keep", f"export/{half}.keep",
             "--write-samples", "--no-id-header", "--out", half, "--threads", "1"],
            cwd=tmp_path, check=True, capture_output=True,
        )  # fmt: skip
        rows = (tmp_path / f"{half}.id").read_text().split()
        assert set(rows) == keep(files, half)
