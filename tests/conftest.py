"""Fixtures of every room."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

PARTICIPANTS = 120
"""Simulated participants of the study the tests share."""


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name of a parameter: bytes may hold the clock, which no name of a test may."""
    return argname if isinstance(val, bytes) else None


LONG = ("test_install", "test_steps_kill", "test_tempting", "test_hostile")
"""Files that take a minute or more."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, those in a browser too: else one core waits for the last."""

    def waits(item: pytest.Item) -> bool:
        return not (item.get_closest_marker("browser") or item.path.stem in LONG)

    items.sort(key=waits)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The data folder beside the repository; its tests are skipped without it."""
    folder = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the data folder is not there")
    return folder.resolve()


@pytest.fixture(scope="session")
def raw_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo study with few slices and a quick encoder; no step is done."""
    from precompute.demo import write_demo

    folder = tmp_path_factory.mktemp("raw") / "study"
    write_demo(folder, participants=PARTICIPANTS)
    file = folder / "study.toml"
    quick = {
        "slices": "3",
        "depth": "4",
        "epochs": "2",
        "warmup_epochs": "1",
        "decoder_depth": "1",
        "decoder_dim": "64",
    }
    lines = [
        f"{key} = {quick[key]}" if (key := line.split(" =")[0]) in quick else line
        for line in file.read_text().splitlines()
    ]
    # 120 people hold few cases of each code
    fewer = "[analysis]\nmin_cases = 10\nocclusion_people = 6"
    text = "\n".join(lines).replace("[analysis]", fewer)
    file.write_text(text + "\n")
    return folder


@pytest.fixture(scope="session")
def done_study(raw_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same study with every step done; read-only by agreement."""
    from precompute.cli import run_study

    folder = tmp_path_factory.mktemp("done") / "study"
    shutil.copytree(raw_study, folder)
    run_study(folder, quiet=True)
    return folder


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Path], Path]:
    """Make a copy of a study that a test may change."""

    def copy(study: Path) -> Path:
        target = tmp_path / "study"
        shutil.copytree(study, target)
        return target

    return copy


@pytest.fixture
def set_volumes() -> Callable[[Path, float | None], None]:
    """Give a copied study's livers volumes, or (None) no organ any.

    The first participant's is ``low`` mL, those after it 1 mL more each; the last one's
    is not known.
    """
    import pandas as pd

    from edp_core.store import Store, file_digest

    def write(study: Path, low: float | None) -> None:
        store = Store(study / "store")
        for slot in [slot for slot in store.refs() if slot.startswith("images/")]:
            folder = store.at(slot)
            manifest = json.loads((folder / "manifest.json").read_text())
            manifest["files"].pop("measures.parquet", None)
            path = folder / "measures.parquet"
            path.unlink(missing_ok=True)
            if low is not None and slot == "images/liver":
                rows = pd.read_parquet(folder / "rows.parquet")
                number = rows["eid"].rank(method="dense").to_numpy() - 1
                known = number < number.max()
                table = rows.assign(volume_ml=low + number, reason="")
                table["volume_ml"] = table["volume_ml"].where(known)
                table.to_parquet(path)
                manifest["files"][path.name] = {
                    "bytes": path.stat().st_size,
                    "sha256": file_digest(path),
                }
            (folder / "manifest.json").write_text(json.dumps(manifest))

    return write
