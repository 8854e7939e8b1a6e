"""Exact passes in the background, in real processes over the demo's genotypes."""

from __future__ import annotations

import io
import time
from dataclasses import fields

import numpy as np
import pytest

from app.live import frames
from app.live.exact_runs import ExactRuns
from app.live.exact_worker import (
    Task,
    packed,
    passed,
    results_packed,
    results_unpacked,
    unpacked,
)
from edp_core.artifacts import reopen_genotypes
from edp_core.gwas.basis_files import read_basis
from edp_core.store import Store
from edp_core.study import load_study

PAIR = ("liver", "mae")
COVARIATES = ("age", "sex")


@pytest.fixture(scope="module")
def study(done_study):
    return load_study(done_study)


@pytest.fixture(scope="module")
def basis(study):
    return read_basis(Store(study.store_path), *PAIR)


@pytest.fixture
def make(study, basis):
    """A task of some values, or of random ones."""

    def task(name, values=None):
        seed = sum(name.encode())
        if values is None:
            values = np.random.default_rng(seed).gamma(2.0, size=len(basis.eids))
        size = len(basis.variants) * len(basis.eids)
        return Task(("place", "basis", name), str(study.folder), *PAIR,
                    np.asarray(values, float), COVARIATES, size)  # fmt: skip

    return task


@pytest.fixture
def runs():
    found = ExactRuns(remembered=2)
    yield found
    found.want("a", [])
    found.want("b", [])


def wait(condition, seconds=90):
    """Until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def least_squares(study, basis, values, places):
    """β and SE by numpy, of genotypes read again."""
    opened = reopen_genotypes(study, Store(study.store_path))
    rows = basis.variants["row"].to_numpy()[places]
    dosages = opened.genotypes.read(rows, opened.people_rows(basis.eids)).astype(float)
    kept = np.isfinite(values)
    held = [basis.covariates[:, basis.columns[name]] for name in COVARIATES]
    found = []
    for dosage in dosages[:, kept]:
        dosage = np.where(np.isnan(dosage), np.nanmean(dosage), dosage)
        design = np.column_stack(
            [np.ones(kept.sum()), dosage, *(h[kept] for h in held)]
        )
        beta, rss = np.linalg.lstsq(design, values[kept], rcond=None)[:2]
        variance = rss[0] / (len(design) - design.shape[1])
        se = np.sqrt(variance * np.linalg.inv(design.T @ design)[1, 1])
        found.append((beta[1], se))
    return np.array(found).T


def test_a_pass_is_the_regression_on_the_genotypes(make, runs, study, basis):
    values = make("x").values.copy()
    values[[3, 17]] = np.nan
    task = make("x", values)
    runs.want("a", [task])
    assert runs.result(task.key) is None
    wait(lambda: runs.result(task.key) is not None)
    found = runs.result(task.key)
    assert found.exact
    assert found.n == len(values) - 2
    assert runs.state(task.key) is None
    assert not runs.busy()
    places = np.random.default_rng(0).choice(len(basis.variants), 40, replace=False)
    places = places[np.isfinite(found.log10p[places])]
    beta, se = least_squares(study, basis, values, places)
    assert len(places) > 20
    np.testing.assert_allclose(found.beta[places], beta, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.se[places], se, rtol=1e-8)


def test_only_the_newest_recipe_counts(make, runs):
    old, new = make("old"), make("new")
    runs.want("a", [old])
    process = runs.state(old.key).process
    assert process.poll() is None
    runs.want("a", [new])
    wait(lambda: process.poll() is not None)
    assert runs.state(old.key) is None
    wait(lambda: runs.result(new.key) is not None)
    assert runs.result(old.key) is None


def test_what_another_session_wants_goes_on(make, runs):
    one, two = make("one"), make("two")
    runs.want("a", [one])
    runs.want("b", [two])
    process = runs.state(one.key).process
    assert runs.state(two.key) is None, "one pass at a time: each uses all cores"
    runs.want("b", [])
    assert process.poll() is None
    runs.want("a", [])
    wait(lambda: process.poll() is not None)
    assert not runs.busy()


def test_a_killed_pass_is_told_of_and_can_be_tried_again(make, runs):
    task = make("killed")
    runs.want("a", [task])
    first = runs.state(task.key)
    first.process.kill()
    wait(lambda: runs.state(task.key).error is not None)
    runs.want("a", [task])
    assert runs.state(task.key) is first, "it is not tried for ever by itself"
    assert "early" in first.error[0]
    runs.forget(task.key)
    runs.want("a", [task])
    again = runs.state(task.key)
    assert again is not first
    assert again.error is None


def test_a_phenotype_that_cannot_be_tested_leaves_the_others(make, basis):
    constant = make("constant", np.ones(len(basis.eids)))
    good = make("good")
    refused, found = passed([constant, good], lambda done, of: None)
    assert isinstance(refused, tuple)
    assert found.exact
    alone = passed([good], lambda done, of: None)[0]
    np.testing.assert_array_equal(found.log10p, alone.log10p)


def test_the_oldest_results_are_forgotten(make, runs):
    tasks = [make(name) for name in ("p", "q", "r")]
    found = passed(tasks, lambda done, of: None)
    for task, result in zip(tasks, found, strict=True):
        runs.remember(task.key, result)
    assert [runs.result(task.key) is None for task in tasks] == [True, False, False]
    assert runs.result(tasks[1].key) is found[1]


def test_frames_carry_tasks_and_results(make, basis):
    tasks = [make("x"), make("constant", np.ones(len(basis.eids)))]
    stream = io.BytesIO()
    frames.send(stream, *packed(tasks))
    found = passed(tasks, lambda done, of: None)
    frames.send(stream, *results_packed(found))
    stream.seek(0)
    for old, new in zip(tasks, unpacked(*frames.receive(stream)), strict=True):
        np.testing.assert_array_equal(old.values, new.values)
        assert (old.key, old.alike, old.genotypes) == (
            new.key,
            new.alike,
            new.genotypes,
        )
    one, refused = results_unpacked(*frames.receive(stream))
    assert refused == found[1]
    for field in fields(one):
        np.testing.assert_array_equal(
            getattr(one, field.name), getattr(found[0], field.name)
        )
    with pytest.raises(EOFError):
        frames.receive(stream)
    with pytest.raises(EOFError):
        frames.receive(io.BytesIO(stream.getvalue()[:-5][:200]))
