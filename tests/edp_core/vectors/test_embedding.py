"""One vector for each participant: first instance, sides averaged or picked."""

import numpy as np
import pandas as pd
import pytest

from edp_core.errors import AlignmentError, InputError
from edp_core.vectors.embedding import Embedding

ROWS = [
    ("2", "2", "right"), ("1", "0", "left"), ("1", "0", "right"), ("2", "10", "left"),
    ("1", "1", "left"), ("3", "1", "left"), ("3", "0", "right"),
]  # fmt: skip


@pytest.fixture
def embedding() -> Embedding:
    rows = pd.DataFrame(ROWS, columns=["eid", "instance", "side"])
    return Embedding(rows, np.arange(14, dtype=np.float32).reshape(7, 2) ** 2)


def test_first_instance_sides_averaged(embedding):
    eids, vectors = embedding.by_participant()
    assert eids.tolist() == ["1", "2", "3"]
    v = embedding.vectors
    # instance 2 comes before 10: numbers, not text
    np.testing.assert_array_equal(vectors, [(v[1] + v[2]) / 2, v[0], v[6]])
    assert vectors.dtype == np.float32


def test_one_side_takes_its_own_first_instance(embedding):
    eids, vectors = embedding.by_participant(side="left")
    assert eids.tolist() == ["1", "2", "3"]
    np.testing.assert_array_equal(vectors, embedding.vectors[[1, 3, 5]])


def test_the_order_of_the_images_changes_nothing(embedding):
    order = np.random.default_rng(0).permutation(len(ROWS))
    turned = Embedding(embedding.rows.iloc[order], embedding.vectors[order])
    for one, two in zip(
        embedding.by_participant(), turned.by_participant(), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_a_side_nobody_has(embedding):
    with pytest.raises(InputError, match="No image has the side 'top'") as caught:
        embedding.by_participant(side="top")
    assert "study.toml" in caught.value.hint


def test_rows_and_vectors_must_meet(embedding):
    with pytest.raises(AlignmentError, match="6 vectors but 7 rows") as caught:
        Embedding(embedding.rows, embedding.vectors[:6])
    assert "--force" in caught.value.hint
