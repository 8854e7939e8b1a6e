"""Who withdrew consent, and where their ids may stand beside the artifacts."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from edp_core.people.cohort import Cohort
from edp_core.people.ukb import read_eids
from edp_core.study import Study

ID_COLUMNS: dict[str, str] = {}
"""Table of ``studio.db`` → its column of ids.

The basket keeps recipes, which name no one. A table that does hold ids (a group drawn
by hand) is entered here, and `precompute withdraw` cleans it.
"""


def withdrawal_lists(study: Study) -> list[Path]:
    """The lists of withdrawn ids that any population of a study names."""
    named = {p.withdrawals for p in study.populations.values() if p.withdrawals}
    return sorted({study.path(name) for name in named})


def withdrawn_eids(study: Study) -> frozenset[str]:
    """Ids of everybody who withdrew, read now from the lists of all populations.

    Consent is withdrawn from the study, so a list counts for every population,
    whichever of them names it.

    Raises
    ------
    InputError
        Where a list is missing or a line of it is no id.
    """
    return frozenset(eid for path in withdrawal_lists(study) for eid in read_eids(path))


def withdrawal_notes(study: Study, cohort: Cohort) -> dict[str, int]:
    """What is odd about the lists, by reason, for a cohort not yet filtered."""
    lists = withdrawal_lists(study)
    empty = sum(not read_eids(path) for path in lists)
    withdrawn = withdrawn_eids(study)
    known = {*cohort.participants["eid"], *cohort.exclusions["eid"]} - {""}
    strangers = withdrawn - known
    bare = {eid.lstrip("0") for eid in known}
    zeros = sum(eid.lstrip("0") in bare for eid in strangers)
    reason = "withdrawn id that is not in the participants table"
    if strangers == withdrawn:
        reason += ": the lists match nobody"
    return {
        reason: len(strangers) - zeros,
        "withdrawn id that is a participant's but for leading zeros, not taken out": (
            zeros
        ),
        "list of withdrawals that is empty": empty,
    }


def without_ids(cohort: Cohort, eids: Collection[str]) -> Cohort:
    """A cohort that counts some excluded participants and no longer names them."""
    left_out = cohort.exclusions.copy()
    left_out.loc[left_out["eid"].isin(list(eids)), "eid"] = ""
    return replace(cohort, exclusions=left_out)


def naming(eids: Collection[str]) -> re.Pattern[str]:
    """Pattern that finds one of the ids where it stands in a text by itself.

    >>> naming(["1000012"]).search("images/1000012_20201.npy") is None
    False
    >>> naming(["100001"]).search("images/1000012_20201.npy") is None
    True
    """
    words = "|".join(re.escape(eid) for eid in sorted(eids, key=len, reverse=True))
    return re.compile(rf"(?<![0-9A-Za-z])(?:{words or '(?!)'})(?![0-9A-Za-z])")
