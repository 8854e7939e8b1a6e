"""A basis in the store: written in blocks of variants, read memory-mapped."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edp_core.errors import InputError, MissingArtifactError
from edp_core.files import (
    read_array,
    read_table,
    write_array,
    write_atomic,
    write_stacked,
    write_table,
)
from edp_core.gwas.basis import Basis
from edp_core.gwas.covariates import Design
from edp_core.gwas.products import Columns, Products
from edp_core.store import Store
from edp_core.study import Study

SMALL = ("af", "n_missing", "squares", "by_covariates")
LARGE = ("by_axes", "by_unit")


def settings_of(study: Study, kind: str) -> dict[str, Any]:
    """Settings that go into the recipe of ``genotypes`` or ``basis``.

    Files are told apart by what they hold. A study without genotypes has none.
    """
    settings = study.genotypes
    if settings is None:
        return {}
    if kind == "genotypes":
        form = "bed" if settings.bed is not None else "pgen"
        mapped = settings.mapping is not None
        said = settings.model_dump(mode="json", include={"build", "ids"})
        return said | {"form": form, "mapping": mapped}
    said = settings.model_dump(mode="json", include={"missing", "covariates"})
    mac = settings.fewest_copies(study.disclosure.threshold)
    return said | {"mac": mac, "population": study.population}


def write_people(
    folder: Path,
    eids: np.ndarray,
    design: Design,
    *,
    columns: Columns,
    loadings: np.ndarray,
) -> None:
    """Write what a basis holds of people: who, covariates and directions."""
    write_array(folder, "eids", eids)
    write_array(folder, "covariates", design.matrix)
    spans = {name: [s.start, s.stop] for name, s in design.columns.items()}
    write_atomic(folder / "columns.json", json.dumps(spans).encode())
    write_array(folder, "axes", columns.both[:, : columns.split])
    write_array(folder, "unit", columns.both[:, columns.split :])
    write_array(folder, "loadings", loadings)


def copy_people(source: Path, folder: Path) -> None:
    """Copy what `write_people` wrote, and who was left out, into the artifact."""
    for name in ("eids", "covariates", "axes", "unit", "loadings"):
        write_array(folder, name, read_array(source, name))
    for name in ("exclusions", "notes"):
        write_table(folder, name, read_table(source, name))
    write_atomic(folder / "columns.json", (source / "columns.json").read_bytes())


def read_columns(folder: Path) -> Columns:
    """What variants are multiplied with, as `write_people` wrote it."""
    axes, unit = read_array(folder, "axes"), read_array(folder, "unit")
    covariates = np.array(read_array(folder, "covariates"))
    return Columns(covariates, np.hstack([axes, unit]), axes.shape[1])


def write_part(path: Path, products: Products) -> None:
    """Write the products of one block of variants, whole or not at all."""
    content = io.BytesIO()
    arrays = {name: getattr(products, name) for name in ("kept", *SMALL, *LARGE)}
    reasons = json.dumps(dict(products.dropped))
    np.savez(content, allow_pickle=False, dropped=np.array(reasons), **arrays)
    write_atomic(path, content.getvalue())


def read_part(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Some arrays of a block; ``dropped`` is JSON."""
    with np.load(path, allow_pickle=False) as part:
        return {name: part[name] for name in names}


def join_parts(
    folder: Path, parts: Sequence[Path], *, variants: pd.DataFrame, block: int
) -> None:
    """Make the variants' table and arrays of a basis of its blocks.

    Parameters
    ----------
    folder
        Holds what `copy_people` put there.
    parts
        Blocks in order, as `write_part` wrote them.
    variants
        Every variant that was multiplied, ``block`` of them in each part.

    Raises
    ------
    InputError
        Where no variant is left.
    """
    whole = {
        name: np.concatenate([*_stacked(parts, name)])
        for name in ("af", "n_missing", "squares")
    }
    places = [n * block + kept for n, kept in enumerate(_stacked(parts, "kept"))]
    kept = variants.iloc[np.concatenate(places)].reset_index(drop=True)
    notes: Counter[str] = Counter()
    for said in _stacked(parts, "dropped"):
        notes.update(json.loads(str(said)))
    if kept.empty:
        listed = "; ".join(f"{reason}: {n}" for reason, n in notes.items())
        raise InputError(
            f"None of {len(variants)} variants can be tested ({listed})",
            "set `mac` and `missing` in [genotypes] to what so few people allow",
        )
    table = kept.assign(af=whole["af"], n_missing=whole["n_missing"])
    write_table(folder, "variants", table)
    write_array(folder, "squares", whole["squares"])
    for name in ("by_covariates", *LARGE):
        first = read_part(parts[0], [name])[name]
        write_stacked(
            folder,
            name,
            _stacked(parts, name),
            shape=(len(kept), first.shape[1]),
            dtype=first.dtype,
        )
    before = read_table(folder, "notes")
    earlier = dict(zip(before["reason"], map(int, before["count"]), strict=True))
    write_notes(folder, {**earlier, **notes})


def write_notes(folder: Path, notes: Mapping[str, int]) -> None:
    """Write what was left aside, by reason."""
    table = pd.DataFrame({"reason": [*notes], "count": [*notes.values()]})
    write_table(folder, "notes", table.astype({"reason": str, "count": "int64"}))


def _stacked(parts: Sequence[Path], name: str) -> Iterator[np.ndarray]:
    for path in parts:
        yield read_part(path, [name])[name]


def read_basis(store: Store, organ: str, encoder: str) -> Basis:
    """Read a basis, its large arrays memory-mapped.

    Raises
    ------
    MissingArtifactError
        Where it was not computed, is damaged, or was made of another embedding,
        cohort (hence population) or other genotypes than the study has now.
    """
    pair = f"{organ}/{encoder}"
    slot = f"basis/{pair}"
    folder = store.at(slot)
    manifest = store.manifest("basis", store.ref(slot))
    made_of: Mapping[str, str] = manifest["input_keys"]
    now = {
        "cohort": "cohort",
        "embedding": f"embedding/{pair}",
        "genotypes": "genotypes",
    }
    changed = [n for n, at in now.items() if made_of.get(n) != store.refs().get(at)]
    if changed:
        words = {
            "cohort": "another cohort or population",
            "embedding": "another embedding",
            "genotypes": "other genotypes",
        }
        raise MissingArtifactError(
            f"{slot} was made of {' and '.join(words[n] for n in changed)} than the "
            "study has now",
            f"run: {store.remedy}",
        )
    spans = json.loads((folder / "columns.json").read_text())
    return Basis(
        eids=np.array(read_array(folder, "eids")),
        variants=read_table(folder, "variants"),
        covariates=np.array(read_array(folder, "covariates")),
        columns={name: slice(*span) for name, span in spans.items()},
        axes=read_array(folder, "axes"),
        unit=read_array(folder, "unit"),
        loadings=np.array(read_array(folder, "loadings")),
        by_covariates=read_array(folder, "by_covariates"),
        by_axes=read_array(folder, "by_axes"),
        by_unit=read_array(folder, "by_unit"),
        squares=np.array(read_array(folder, "squares")),
        population=str(manifest["settings"]["population"]),
        keys=dict(made_of),
    )
