"""Phenotype cards: everything needed to make a phenotype again, in one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edp_core.errors import InputError
from edp_core.export.halves import Halving
from edp_core.export.methods import Entry
from edp_core.export.wording import describe, sign_statement, warnings
from edp_core.phenotype import SPEC, Spec

FORMAT = "edp-studio-phenotype"
SCHEMA = 1
_KEYS = {
    "format",
    "schema_version",
    "spec",
    "name",
    "study",
    "simulated",
    "kind",
    "sign",
    "how",
    "counts",
    "figures",
    "keys",
    "versions",
    "warnings",
    "halves",
}
_CONTENT_KEYS = ("cohort", "phenome", "embedding", "atlas")
_AGAIN = "take the card as it was exported"


def render_card(
    entry: Entry,
    *,
    study: str,
    simulated: bool,
    versions: Mapping[str, str],
    halving: Halving | None = None,
) -> bytes:
    """The card of one phenotype.

    Parameters
    ----------
    entry
        Recipe, and counts and figures that may leave.
    versions
        Software → version.
    halving
        How the export was split, if it was: opened again, the card splits alike.

    Returns
    -------
    bytes
        UTF-8 JSON with sorted keys; equal input gives equal bytes.
    """
    spec = SPEC.dump_python(entry.spec, mode="json")
    card = {
        "format": FORMAT,
        "schema_version": SCHEMA,
        "spec": spec,
        "name": entry.spec.name,
        "study": study,
        "simulated": simulated,
        "kind": entry.kind,
        "sign": sign_statement(entry.spec),
        "how": describe(entry.spec),
        "counts": dict(entry.counts),
        "figures": {k: v for k, v in entry.figures.items() if k != "warnings"},
        "keys": {k: spec[k] for k in _CONTENT_KEYS if spec.get(k) is not None}
        | dict(entry.spec.measured),
        "versions": dict(versions),
        "warnings": warnings(entry.spec, entry.figures),
    }
    if halving is not None:
        card["halves"] = halving.model_dump(mode="json")
    text = json.dumps(
        card, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False
    )
    return (text + "\n").encode()


def read(source: bytes | Path) -> Spec:
    """Recipe of a card, or of a bare recipe.

    Parameters
    ----------
    source
        The content, or the file.

    Raises
    ------
    InputError
        Where the file is missing, is no card, is of an unknown schema version, or has
        a key or value that is not allowed; the message names the file and the key.
    """
    content, where = _content(source)
    bare = "spec" not in content
    if bare and ("format" in content or "method" not in content):
        raise InputError(f"{where} holds no recipe under the key 'spec'", _AGAIN)
    if not bare:
        _check_envelope(content, where)
    spec = content if bare else content["spec"]
    if not isinstance(spec, dict):
        raise InputError(f"{where}: 'spec' is not a JSON object", _AGAIN)
    if spec.get("schema_version", SCHEMA) != SCHEMA:
        raise InputError(
            f"{where}: unknown spec.schema_version {spec['schema_version']!r}",
            f"this program reads version {SCHEMA}; open the card with the program "
            "that wrote it",
        )
    try:
        # through JSON, so that lists become the tuples of a recipe and nothing else
        return SPEC.validate_json(json.dumps(spec), strict=True)
    except ValidationError as error:
        problems = "; ".join(_problem(item) for item in error.errors())
        raise InputError(f"{where}: {problems}", _AGAIN) from error


def read_halving(source: bytes | Path) -> Halving | None:
    """How the export of a card was split; `None` where it was not, or of a bare recipe.

    Raises
    ------
    InputError
        Where the file is no JSON object, or says it in a way that is not known.
    """
    content, where = _content(source)
    if "halves" not in content:
        return None
    try:
        return Halving.model_validate_json(json.dumps(content["halves"]), strict=True)
    except ValidationError as error:
        keys = ", ".join(
            sorted({".".join(map(str, item["loc"])) for item in error.errors()} - {""})
        )
        raise InputError(
            f"{where}: 'halves' is wrong: {keys or 'no object'}", _AGAIN
        ) from error


def _content(source: bytes | Path) -> tuple[dict[str, Any], str]:
    """Content of a card, and how messages call it."""
    where = "The card"
    if isinstance(source, Path):
        where = f"The card {source.name}"
        try:
            source = source.read_bytes()
        except OSError as error:
            raise InputError(
                f"{where} cannot be read: {error.strerror}", "give another file"
            ) from error
    try:
        content = json.loads(source.decode("utf-8-sig"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON: {error}", _AGAIN) from error
    if not isinstance(content, dict):
        raise InputError(f"{where} is not a JSON object", _AGAIN)
    return content, where


def _check_envelope(content: Mapping[str, Any], where: str) -> None:
    if content.get("format") != FORMAT:
        raise InputError(f"{where}: 'format' is not {FORMAT!r}", _AGAIN)
    if content.get("schema_version") != SCHEMA:
        raise InputError(
            f"{where}: unknown schema_version {content.get('schema_version')!r}",
            f"this program reads version {SCHEMA}; open the card with the program "
            "that wrote it",
        )
    unknown = sorted(set(content) - _KEYS)
    if unknown:
        raise InputError(f"{where}: unknown key {', '.join(unknown)}", "remove it")


def _problem(item: Mapping[str, Any]) -> str:
    # the first part of a location is the method, by which the recipe was told apart
    path = ".".join(str(part) for part in ("spec", *item["loc"][1:]))
    return f"{path}: " + (
        "unknown key" if item["type"] == "extra_forbidden" else str(item["msg"])
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the key {', '.join(twice)} stands twice")
    return dict(pairs)
