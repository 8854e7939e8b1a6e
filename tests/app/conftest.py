"""A screen of the app, opened on a study without a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from edp_core.store import Store, read_table

ROOT = Path(__file__).resolve().parents[2]
SCREENS = (
    "overview", "diseases", "clusters", "phenotype", "compare", "export", "gwas",
)  # fmt: skip
Open = Callable[..., AppTest]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open a screen: ``screen("diseases", study, code="K760")``."""

    def show(name: str, study: Path, **query: str | list[str]) -> AppTest:
        monkeypatch.setenv("EDP_STUDY", str(study))
        at = AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=60)
        for key, value in query.items():
            at.query_params[key] = value
        at.switch_page(f"../pages/{name}.py").run()
        assert not at.exception, at.exception
        return at

    return show


@pytest.fixture
def fullest(done_study: Path) -> str:
    """Number of the liver cluster that holds most cases of I10."""
    table = read_table(
        Store(done_study / "store").at("enrichment/liver/mae"), "enrichment"
    )
    table = table[table["code"] == "I10"]
    return str(table.loc[table["n_both"].idxmax(), "cluster"])


@pytest.fixture(scope="session")
def tempting_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study in which whatever may not be told is there; every step is done."""
    import tempting

    from precompute.cli import run_study

    folder = tmp_path_factory.mktemp("tempting") / "study"
    tempting.write(folder)
    run_study(folder, quiet=True)
    return folder


@pytest.fixture
def own_study(copy_of: Callable[[Path], Path], done_study: Path) -> Path:
    """A copy of the finished study, with a basket of its own."""
    study = copy_of(done_study)
    # a look at images of the shared study is a line of its log
    (study / "store/audit.log").unlink(missing_ok=True)
    return study
