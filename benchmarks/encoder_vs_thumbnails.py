"""An encoder against ridge regression on 24 × 24 thumbnails, in the same folds.

    python benchmarks/encoder_vs_thumbnails.py STUDY --codes H442 H269

For each code, and for sex, prints the out-of-fold AUC of our discriminant on the
embedding, that of scikit-learn's RidgeCV on thumbnails of the same images, and that of
age + sex; for age the out-of-fold correlation of both. Nothing is tuned on the result.
"""

from __future__ import annotations

import argparse

import numpy as np
from PIL import Image
from sklearn.linear_model import RidgeCV
from sklearn.metrics import roc_auc_score

from edp_core.artifacts import read_inputs
from edp_core.scoring import adjust, classifier
from edp_core.scoring.folds import fold_partition
from edp_core.store import Store, read_array, read_table
from edp_core.study import load_study
from edp_core.vectors.embedding import Embedding

EDGE = 24
ALPHAS = np.logspace(0, 8, 17)


def thumbnails(images: np.ndarray) -> np.ndarray:
    """(n, 24·24·channels) grey values 0–1."""
    out = np.empty((len(images), EDGE * EDGE * images.shape[-1]), np.float32)
    for i, image in enumerate(images):
        planes = [
            np.asarray(
                Image.fromarray(plane).resize((EDGE, EDGE), Image.Resampling.BOX)
            )
            for plane in np.moveaxis(np.ascontiguousarray(image), -1, 0)
        ]
        out[i] = np.concatenate(planes, axis=None) / 255
    return out


def ridge(x: np.ndarray, y: np.ndarray, *, folds: np.ndarray) -> np.ndarray:
    """Out-of-fold predictions (n, k); each penalty is chosen in the training part."""
    predicted = np.empty(y.shape)
    for fold in np.unique(folds):
        train = folds != fold
        model = RidgeCV(alphas=ALPHAS, alpha_per_target=y.shape[1] > 1)
        fitted = model.fit(x[train], y[train])
        predicted[~train] = fitted.predict(x[~train]).reshape(-1, y.shape[1])
    return predicted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study")
    parser.add_argument("--organ")
    parser.add_argument("--encoder")
    parser.add_argument("--codes", nargs="+", required=True)
    asked = parser.parse_args()
    study = load_study(asked.study)
    store = Store(study.store_path)
    organ = asked.organ or next(iter(study.organs))
    encoder = asked.encoder or study.pairs()[0][1]
    inputs = read_inputs(study, store, organ=organ, encoder=encoder)
    people = inputs.participants.iloc[inputs.seen]
    analysis = study.analysis
    folds = fold_partition(
        len(inputs.participants), analysis.folds, seed=analysis.seed
    )[inputs.seen]
    images = store.at(f"images/{organ}")
    small = thumbnails(read_array(images, "images"))
    _, small = Embedding(read_table(images, "rows"), small).by_participant()

    sex = (people["sex"] == "M").to_numpy(bool)
    age = people["age_years"].to_numpy(float)
    known = people["sex"].notna().to_numpy() & np.isfinite(age)
    cases = inputs.phenome.dense(asked.codes)[inputs.seen]
    labels = np.column_stack([cases, sex])[known]
    names = [*asked.codes, "sex (male)"]
    table = classifier.scan_phenome(
        inputs.vectors[known],
        labels,
        folds=folds[known],
        shrinkage=analysis.shrinkage,
        baseline=adjust.design_matrix(people, ["age_years", "sex"])[known],
    )
    targets = np.column_stack([labels, age[known]]).astype(float)
    peer = ridge(small[known], targets, folds=folds[known])
    ours = ridge(inputs.vectors[known], age[known][:, None], folds=folds[known])[:, 0]
    print(f"{study.name}: {organ}, encoder {encoder}; {known.sum()} participants of")
    print(f"{len(known)} with an embedding, those whose age and sex are known")
    print("trait        cases  encoder  (95 % interval)  thumbnails  age + sex")
    for i, name in enumerate(names):
        row = table.iloc[i]
        thumbs = roc_auc_score(labels[:, i], peer[:, i])
        alone = "" if name.startswith("sex") else f"{row['baseline_auc']:.3f}"
        print(
            f"{name:12} {row['n_cases']:5d}  {row['auc']:7.3f}  "
            f"({row['auc_low']:.3f}–{row['auc_high']:.3f})  {thumbs:10.3f}  {alone:>9}"
        )
    true = age[known]
    print(
        f"{'age, r':12} {len(true):5d}  {np.corrcoef(ours, true)[0, 1]:7.3f}  "
        f"{'':15}  {np.corrcoef(peer[:, -1], true)[0, 1]:10.3f}"
    )


if __name__ == "__main__":
    main()
