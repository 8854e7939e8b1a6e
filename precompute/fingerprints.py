"""Content hashes of raw files, remembered.

Size and time of a file are only a hint: while they stay the same its hash is taken
from here, when they change it is read again. A touched file keeps its hash.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from edp_core.errors import InputError
from edp_core.store import Store, file_digest, write_atomic
from edp_core.withdrawals import naming


class Fingerprints:
    """Hashes of the raw files of one store."""

    def __init__(self, root: Path) -> None:
        self.needed = True
        """Whether a memory that cannot be written is an error: not for who looks."""
        self._file = root / "fingerprints.json"
        self._known: dict[str, list[int | str]] = {}
        self._changed = False
        if self._file.is_file():
            try:
                known = json.loads(self._file.read_text())
                self._known = {
                    str(name): [*entry]
                    for name, entry in known.items()
                    if len(entry) == 3
                }
            except (ValueError, AttributeError, TypeError):
                self._known = {}  # only a memory: without it files are hashed again

    def of(self, path: Path) -> str:
        """Hash of a file's content, 16 hex digits.

        Raises
        ------
        InputError
            Where the file is not there or cannot be read.
        """
        if not path.is_file():
            raise InputError(
                f"There is no file {path.name} in {path.parent}",
                "mend the path in study.toml",
            )
        stat = path.stat()
        known = self._known.get(str(path))
        if known and known[:2] == [stat.st_size, stat.st_mtime_ns]:
            return str(known[2])
        try:
            found = file_digest(path)
        except OSError as error:
            raise InputError(
                f"{path.name} cannot be read: {error.strerror}",
                f"mend its permissions in {path.parent}",
            ) from error
        self._known[str(path)] = [stat.st_size, stat.st_mtime_ns, found]
        self._changed = True
        return found

    def save(self) -> None:
        """Keep what was learnt for the next run.

        Raises
        ------
        InputError
            Where the disk is full or the store read-only, and the memory is `needed`.
        """
        if not self._changed or not self._file.parent.is_dir():
            return
        try:
            # locked, so that whoever sweeps takes away no file that is being written
            with Store(self._file.parent).lock("refs"):
                write_atomic(self._file, json.dumps(self._known).encode())
        except InputError:
            if self.needed:
                raise
        self._changed = False

    def forget(self, eids: Collection[str]) -> int:
        """Drop the files whose name holds one of these ids; how many there were."""
        theirs = naming(eids)
        gone = [name for name in self._known if theirs.search(name)]
        for name in gone:
            del self._known[name]
        self._changed |= bool(gone)
        return len(gone)
