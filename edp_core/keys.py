"""Content keys: equal recipes give equal artifacts, so a key is a hash of a recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Any


def canonical_json(value: Json) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Json) -> str:
    """First 16 hex digits of the sha256 of a JSON value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Recipe:
    """What an artifact is made of: equal recipes give equal artifacts."""

    kind: str
    version: int
    settings: Mapping[str, Json] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The content key, 16 hex digits."""
        return digest(
            {
                "step": self.kind,
                "step_version": self.version,
                "settings": dict(self.settings),
                "input_keys": dict(self.inputs),
            }
        )
