"""The shell script that runs both steps of regenie over an export."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from textwrap import indent

from edp_core.export.runs import MOST_LISTED, Run, listed
from edp_core.people.covariates import REGENIE_LEVELS

_HEAD = r"""#!/usr/bin/env bash
# Runs regenie, steps 1 and 2, over the phenotypes of this folder.
#
# Set the paths below, or give them as environment variables:
#
#   STEP1_BED=/data/ukb_cal_allChrs QC_SNPLIST=qc_pass.snplist QC_ID=qc_pass.id \
#   STEP2_BGEN='/data/ukb_imp_chr{chr}.bgen' SAMPLE=/data/ukb_imp.sample \
#   bash run_regenie.sh
#
# One chromosome of step 2 alone, for the array jobs of a cluster:
#
#   STEPS=2 CHROMOSOMES=7 bash run_regenie.sh
#
# QC_SNPLIST and QC_ID name the variants and participants fit for step 1:
#
#   plink2 --bfile ukb_cal_allChrs --maf 0.01 --mac 100 --geno 0.1 --hwe 1e-15 \
#     --mind 0.1 --write-snplist --write-samples --no-id-header --out qc_pass
#
# The covariates are given to regenie even where a score was made from an embedding
# with the same factors regressed out: regenie adjusts the genotypes for them too, and
# what rank-normalising (--apply-rint) brings back is taken out again.
set -euo pipefail

# ---- Set these ------------------------------------------------------------------
REGENIE="${REGENIE:-regenie}"
# Step 1: prefix of the genotyped variants' .bed, .bim and .fam files.
STEP1_BED="${STEP1_BED:-}"
QC_SNPLIST="${QC_SNPLIST:-}"
QC_ID="${QC_ID:-}"
# Step 2: .bgen files with their .sample file, or prefixes of .pgen, .pvar and .psam
# files; {chr} stands for the chromosome.
STEP2_BGEN="${STEP2_BGEN:-}"
SAMPLE="${SAMPLE:-}"
STEP2_PGEN="${STEP2_PGEN:-}"
# Where results go, what to run, and on how many threads (empty: all).
RESULTS="${RESULTS:-results}"
STEPS="${STEPS:-1 2}"
CHROMOSOMES="${CHROMOSOMES:-1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22}"
THREADS="${THREADS:-}"
# ---------------------------------------------------------------------------------

HERE="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"

die() {
  printf 'run_regenie.sh: %s\n' "$1" >&2
  exit 2
}

need() { # need FILE NAME-OF-SETTING
  [[ -s "$1" ]] || die "$2: the file $1 is missing or empty"
}

wants() { # wants STEP
  [[ " $STEPS " == *" $1 "* ]]
}

command -v -- "$REGENIE" >/dev/null 2>&1 ||
  die "REGENIE: the program $REGENIE is not found; install regenie or set REGENIE"
wants 1 || wants 2 || die "STEPS: give 1, 2 or both"
"""
_EACH_HALF = """#
# Participants are split: both steps run in each half by itself, and the results of each
# have a folder. One of them alone:
#
#   HALVES=discovery bash run_regenie.sh
"""
_SET_HALVES = """HALVES="${HALVES:-discovery replication}"
"""
_CHECK_HALVES = """[[ -n "${HALVES// /}" ]] || HALVES=none
for half in $HALVES; do
  [[ "$half" == discovery || "$half" == replication ]] ||
    die "HALVES: give discovery, replication or both"
  need "$HERE/$half.keep" "this folder"
done
"""

_CHECKS = r"""
if wants 1; then
  [[ -n "$STEP1_BED" ]] || die "STEP1_BED: set the prefix of the .bed files"
  for end in bed bim fam; do need "$STEP1_BED.$end" STEP1_BED; done
  if [[ -n "$QC_SNPLIST" ]]; then
    need "$QC_SNPLIST" QC_SNPLIST
  else
    echo "run_regenie.sh: QC_SNPLIST is not set: step 1 takes every variant" >&2
  fi
fi

if wants 2; then
  [[ -n "$STEP2_BGEN" || -n "$STEP2_PGEN" ]] ||
    die "STEP2_BGEN: set the pattern of the .bgen files, or STEP2_PGEN"
  [[ -z "$STEP2_BGEN" || -z "$STEP2_PGEN" ]] ||
    die "STEP2_BGEN and STEP2_PGEN are both set: set one"
  if [[ -n "$STEP2_BGEN" ]]; then
    [[ -n "$SAMPLE" ]] || die "SAMPLE: set the .sample file of the .bgen files"
    need "$SAMPLE" SAMPLE
  fi
  for chr in $CHROMOSOMES; do
    if [[ -n "$STEP2_BGEN" ]]; then
      need "${STEP2_BGEN//\{chr\}/$chr}" STEP2_BGEN
    else
      for end in pgen pvar psam; do
        need "${STEP2_PGEN//\{chr\}/$chr}.$end" STEP2_PGEN
      done
    fi
  done
fi

take() { # take FILE-OF-PARTICIPANTS
  KEEP="$HERE/$1"
  mkdir -p -- "$RESULTS"
  if [[ -n "$QC_ID" ]]; then
    # regenie would take the union of two --keep files, and both must hold
    need "$QC_ID" QC_ID
    awk 'NR == FNR { keep[$1 "\t" $2] = 1; next } ($1 "\t" $2) in keep' \
      "$QC_ID" "$KEEP" >"$RESULTS/keep_qc.tsv.$$"
    mv -- "$RESULTS/keep_qc.tsv.$$" "$RESULTS/keep_qc.tsv"
    KEEP="$RESULTS/keep_qc.tsv"
    need "$KEEP" "QC_ID has no participant of $1, so"
  fi
  common=(--keep "$KEEP")
  if [[ -n "$THREADS" ]]; then common+=(--threads "$THREADS"); fi
}

step1() { # step1 RUN OPTION...
  local run="$1" options=("${@:2}") loco
  options+=(--bed "$STEP1_BED")
  if [[ -n "$QC_SNPLIST" ]]; then options+=(--extract "$QC_SNPLIST"); fi
  "$REGENIE" --step 1 "${common[@]}" "${options[@]}" --bsize 1000 \
    --lowmem --lowmem-prefix "$RESULTS/${run}_tmp" --out "$RESULTS/${run}_step1"
  # regenie can end well and leave predictions that are no numbers
  for loco in "$RESULTS/${run}_step1"_*.loco; do
    need "$loco" "step 1 of $run"
    if awk 'NR > 1 && tolower($0) ~ /[ \t]-?(nan|inf)/ { bad = 1; exit }
      END { exit !bad }' "$loco"; then
      die "step 1 of $run: $loco holds nan; look into $RESULTS/${run}_step1.log"
    fi
  done
}

step2() { # step2 RUN OPTION...
  local run="$1" chr options
  need "$RESULTS/${run}_step1_pred.list" "step 2 of $run needs step 1"
  for chr in $CHROMOSOMES; do
    options=("${@:2}")
    if [[ -n "$STEP2_BGEN" ]]; then
      options+=(--bgen "${STEP2_BGEN//\{chr\}/$chr}" --ref-first --sample "$SAMPLE")
    else
      options+=(--pgen "${STEP2_PGEN//\{chr\}/$chr}")
    fi
    "$REGENIE" --step 2 "${common[@]}" "${options[@]}" --bsize 400 --chr "$chr" \
      --pred "$RESULTS/${run}_step1_pred.list" --out "$RESULTS/${run}_chr${chr}"
  done
}
"""
_STEP1 = {"qt": "--qt --apply-rint", "bt": "--bt"}
_STEP2 = {
    "qt": "--qt --apply-rint",
    "bt": "--bt --firth --approx --pThresh 0.01",
}
_RANKED = "#   (normal by their ranks already: --apply-rint is not given)\n"


def render_script(runs: Sequence[Run], *, max_levels: int, halved: bool = False) -> str:
    """Bash script of both regenie steps, one pair of steps for each run.

    Parameters
    ----------
    runs
        Phenotype files with their covariates.
    max_levels
        Most levels of a category; above 10 regenie needs ``--maxCatLevels``.
    halved
        Whether both steps run in ``discovery.keep`` and in ``replication.keep``.

    Returns
    -------
    str
        Holds no path: these are variables that the user sets.
    """
    files = [run.file for run in runs]
    if any(run.quantities or run.categories for run in runs):
        files.append("covariates.tsv")
    files += [] if halved else ["keep.tsv"]
    checked = "".join(f'need "$HERE"/{shlex.quote(f)} "this folder"\n' for f in files)
    blocks = "".join(_block(run, max_levels) for run in runs)
    if not halved:
        return f"{_HEAD}{checked}{_CHECKS}\ntake keep.tsv\n{blocks}"
    settings_end = _HEAD.index("# -----", _HEAD.index('THREADS="$'))
    told = _HEAD.index("#\n# QC_SNPLIST and QC_ID name")
    head = (
        _HEAD[:told] + _EACH_HALF + _HEAD[told:settings_end] + _SET_HALVES
        + _HEAD[settings_end:]
    )  # fmt: skip
    return (
        f"{head}{checked}{_CHECK_HALVES}{_CHECKS}\n"
        'ALL_RESULTS="$RESULTS"\n'
        "for half in $HALVES; do\n"
        '  RESULTS="$ALL_RESULTS/$half"\n'
        '  take "$half.keep"\n'
        f"{indent(blocks, '  ')}"
        "done\n"
    )


def _block(run: Run, max_levels: int) -> str:
    """Both steps of one run, what regenie is told of it in an array of bash."""
    words = [f'--phenoFile "$HERE"/{shlex.quote(run.file)}']
    used = (*run.quantities, *run.categories)
    if used:
        words.append('--covarFile "$HERE"/covariates.tsv')
        words.append(f'--covarColList "{",".join(used)}"')
    if run.categories:
        words.append(f'--catCovarList "{",".join(run.categories)}"')
        if max_levels > REGENIE_LEVELS:
            words.append(f"--maxCatLevels {max_levels}")
    few = len(run.traits) <= MOST_LISTED
    names = run.traits if few else (listed(run.traits),)
    traits = "".join(f"#   {name}\n" for name in names)
    kind = "quantitative" if run.role == "qt" else "binary"
    told = _RANKED if run.ranked else ""
    given = "\n  ".join(words)
    lines = [f"\n# {kind} traits:\n{traits}{told}{run.name}=(\n  {given}\n)\n"]
    for step, extra in (("1", _STEP1[run.role]), ("2", _STEP2[run.role])):
        extra = extra.replace(" --apply-rint", "") if run.ranked else extra
        lines.append(
            f"if wants {step}; then step{step} {run.name} "
            f'"${{{run.name}[@]}}" {extra}; fi\n'
        )
    return "".join(lines)
