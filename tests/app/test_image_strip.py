"""Of which phenotypes single images are shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app import data, recipes
from app.images import strip as image_strip
from app.state import Choice


def test_a_phenotype_of_a_few_values_has_no_single_images(monkeypatch, done_study):
    """An image at its 99th percentile would be of somebody who has the disease."""
    monkeypatch.setenv(data.STUDY_VARIABLE, str(done_study))
    score = data.phenotype(recipes.column("age_years"))
    assert image_strip.tells_nobody(score)
    most = image_strip.FEW_VALUES
    for levels in (2, most, most + 1):
        known = np.isfinite(score.values)
        values = np.where(known, np.floor(score.values * 7) % levels, np.nan)
        column = replace(score, values=values)
        assert len(np.unique(values[known])) == levels
        assert image_strip.tells_nobody(column) == (levels > most)
    assert not image_strip.tells_nobody(data.phenotype(recipes.code_itself("I10")))


def test_what_was_measured_of_a_person_is_not_told_beside_the_image(
    monkeypatch, done_study
):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(done_study))
    column = data.phenotype(recipes.column("bmi"))
    assert image_strip.about(column, 31.4) == ""
    axis = data.phenotype(recipes.component(Choice("liver", "mae", None, None), 1))
    assert image_strip.about(axis, 1.5) == "value about 1.5"
