"""The shell script, run against a stand-in for regenie that notes what it is told."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from edp_core.export.bundle import render, write_folder

STAND_IN = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$LOG"
while [ $# -gt 0 ]; do
  if [ "$1" = --step ]; then step=$2; fi
  if [ "$1" = --out ]; then out=$2; fi
  shift
done
if [ "$step" = 1 ]; then
  { echo 'FID_IID 1_nan nan'; echo "1 NA ${VALUE:-0.5}"; seq 100000; } >"${out}_1.loco"
  echo "x ${out}_1.loco" >"${out}_pred.list"
fi
"""


class Runner:
    def __init__(self, make: SimpleNamespace, folder: Path) -> None:
        self.folder = folder / "an export's folder"
        self.log = folder / "log"
        files = render(make.request(make.classifier(), make.code(), make.column()))
        write_folder(files, self.folder)
        tool = folder / "my regenie"
        tool.write_text(STAND_IN)
        tool.chmod(0o755)
        for end in ("bed", "bim", "fam"):
            (folder / f"cal.{end}").write_text("x")
        for chromosome in range(1, 23):
            (folder / f"imp_{chromosome}.bgen").write_text("x")
        (folder / "imp.sample").write_text("x")
        (folder / "qc.id").write_text("1000001 1000001\n1000003\t1000003\n5 5\n")
        self.settings = {
            "PATH": "/usr/bin:/bin",
            "LOG": str(self.log),
            "REGENIE": str(tool),
            "STEP1_BED": str(folder / "cal"),
            "STEP2_BGEN": str(folder / "imp_{chr}.bgen"),
            "SAMPLE": str(folder / "imp.sample"),
            "RESULTS": str(folder / "the results"),
        }

    def __call__(self, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(self.folder / "run_regenie.sh")],
            env=self.settings | changes, cwd="/", capture_output=True, text=True,
        )  # fmt: skip


@pytest.fixture
def runner(make: SimpleNamespace, tmp_path: Path) -> Runner:
    return Runner(make, tmp_path)


def test_both_steps_run(runner: Runner) -> None:
    done = runner()
    assert done.returncode == 0, done.stderr
    calls = runner.log.read_text().splitlines()
    assert len(calls) == 3 * (1 + 22)
    step1 = [call for call in calls if call.startswith("--step 1")]
    assert all("--bsize 1000 --lowmem --lowmem-prefix" in call for call in step1)
    assert "--qt --apply-rint" in step1[0] and "phenotypes_qt_1.tsv" in step1[0]
    assert "--catCovarList sex,array,centre,fold" in step1[0]
    assert "--catCovarList sex,array,centre " in step1[1]
    assert "--covarColList age,age2,bmi,pc1" in step1[1]
    assert "--bt" in step1[2] and "firth" not in step1[2]
    last = calls[-1]
    assert "--bt --firth --approx --pThresh 0.01" in last and "--chr 22" in last
    assert "imp_22.bgen --ref-first --sample" in last and "--bsize 400" in last
    assert "bt_step1_pred.list" in last and "keep.tsv" in last


def test_traits_normal_by_their_ranks_are_not_ranked_again(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    ranked = make.column("ranked")
    spec = ranked.spec.model_copy(update={"transform": "rank-inverse-normal"})
    files = render(make.request(make.column(), replace(ranked, spec=spec)))
    script = files["run_regenie.sh"].decode()
    parts = script.split("# quantitative traits:")
    assert len(parts) == 3 and "#   volume\n" in parts[1]
    assert "--qt --apply-rint" in parts[1]
    assert "#   ranked\n" in parts[2] and "--qt; fi" in parts[2]
    assert "--qt --apply-rint" not in parts[2]
    methods = files["methods.md"].decode()
    assert "(ranked): whole-genome regression of quantitative traits, rank-inv" in (
        methods
    )
    assert "(volume): whole-genome regression of quantitative traits, rank-norm" in (
        methods
    )
    assert "made normal by their ranks" in json.loads(files["cards/ranked.json"])["how"]
    assert "ranks" not in json.loads(files["cards/volume.json"])["how"]
    assert "But for ranked: normal by their ranks" in files["README.txt"].decode()


def test_one_chromosome_and_quality_control(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "snps").write_text("rs1\n")
    more = {"QC_ID": str(tmp_path / "qc.id"), "QC_SNPLIST": str(tmp_path / "snps")}
    assert runner(STEPS="1", **more).returncode == 0
    assert runner(STEPS="2", CHROMOSOMES="7", THREADS="3", **more).returncode == 0
    calls = runner.log.read_text().splitlines()
    assert len(calls) == 6
    assert "--extract" in calls[0] and "--extract" not in calls[-1]
    assert "--threads 3" in calls[-1] and "keep_qc.tsv" in calls[-1]
    kept = (tmp_path / "the results/keep_qc.tsv").read_text()
    assert kept == "1000001\t1000001\n1000003\t1000003\n"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"REGENIE": "no-such-regenie"}, "the program no-such-regenie is not found"),
        ({"STEP1_BED": ""}, "STEP1_BED: set the prefix"),
        ({"STEP1_BED": "/none"}, "STEP1_BED: the file /none.bed is missing or empty"),
        ({"QC_SNPLIST": "/none"}, "QC_SNPLIST: the file /none is missing"),
        ({"QC_ID": "/none"}, "QC_ID: the file /none is missing"),
        ({"STEP2_BGEN": ""}, "STEP2_BGEN: set the pattern"),
        ({"STEP2_PGEN": "x"}, "are both set"),
        ({"STEP2_BGEN": "/none_{chr}"}, "STEP2_BGEN: the file /none_1 is missing"),
        ({"SAMPLE": ""}, "SAMPLE: set the .sample file"),
        ({"STEPS": "3"}, "STEPS: give 1, 2 or both"),
        ({"STEPS": "2"}, "step 2 of qt_1 needs step 1"),
        ({"VALUE": "nan"}, "holds nan"),
        ({"VALUE": "-nan"}, "holds nan"),
    ],
)
def test_refusals(runner: Runner, changes: dict[str, str], message: str) -> None:
    done = runner(**changes)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not there")
def test_shellcheck(runner: Runner) -> None:
    path = str(runner.folder / "run_regenie.sh")
    done = subprocess.run(["shellcheck", path], capture_output=True, text=True)
    assert done.stdout == ""
