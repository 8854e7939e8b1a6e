"""What the console says of a withdrawal: no id, and no small count of people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from edp_core.artifacts import read_cohort
from edp_core.disclosure import mask_count
from edp_core.errors import EdpError
from edp_core.store import Store
from edp_core.study import Study
from edp_core.withdrawals import withdrawn_eids
from precompute.adopt import Weights
from precompute.withdraw import Outcome


@dataclass
class Telling:
    """Says what `withdraw` has done, or with ``dry_run`` what it would do."""

    console: Console
    study: Study
    store: Store
    dry_run: bool
    retrain: bool

    def tell(self, outcome: Outcome) -> None:
        """Counts by kind, the weights, and what is to be done next."""
        if not outcome:
            self._say("Nothing in the store is of a withdrawn participant.")
            return
        people = mask_count(outcome.eids, self.study.disclosure.threshold)
        self._say(f"Withdrawn participants found in the store: {people}")
        if outcome.removed:
            table = Table("would be removed" if self.dry_run else "removed", "number")
            for kind, number in sorted(outcome.removed.items()):
                table.add_row(kind, str(number))
            self.console.print(table)
        if outcome.weights:
            table = Table("weights made with them", "key", "of", "")
            for weights in outcome.weights:
                name = ", ".join(s.partition("/")[2] for s in weights.slots)
                table.add_row(
                    name or "no slot", weights.key, weights.made, self._fate(weights)
                )
            self.console.print(table)
        if self.dry_run:
            self._say("Nothing was changed. Without --dry-run it is done.")
            return
        self._say(f"What was computed from them is missing now → {self.store.remedy}")
        self._say("Phenotypes in the basket and on cards must be designed again then.")
        self._say(
            "The study's own tables and images are as they were, and a studio that "
            "is open still shows what it has read: restart it."
        )

    def _fate(self, weights: Weights) -> str:
        if not weights.slots or not weights.whole:
            return "deleted: nothing uses them"
        if not weights.trained:
            return "kept: published, nobody of the study is in them"
        return "deleted: trained again" if self.retrain else "kept (else: --retrain)"

    def tell_exports(self, held: Sequence[Path], *, deleted: bool) -> None:
        """Names of exports that hold withdrawn participants."""
        if not held:
            return
        done = "Deleted" if deleted else "Delete, or do so with --exports"
        folder = self.study.disclosure.export_dir
        self._say(f"{done}: exports in {folder}/ that hold withdrawn participants")
        for export in held:
            self._say(f"  {export.name}")
        self._say("Copies that were handed over elsewhere are not known here.")

    def _say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True, highlight=False, markup=False)


def tell_withdrawn(console: Console, study: Study, store: Store) -> None:
    """Say so where the cohort still holds somebody who withdrew."""
    try:
        people = set(read_cohort(store).participants["eid"])
    except EdpError:
        return  # there is none yet
    if not people.isdisjoint(withdrawn_eids(study)):
        command = store.remedy.replace(" run ", " withdraw ", 1)
        console.print(
            f"The store holds participants who withdrew → {command}", soft_wrap=True
        )
