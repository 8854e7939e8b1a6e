"""What the command `export` reads: cards, a list of samples, how people are halved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edp_core.errors import InputError
from edp_core.export import card
from edp_core.export.halves import Halving


def cards_in(paths: Sequence[Path]) -> list[Path]:
    """Files of recipes; a folder stands for the cards in it, by name.

    Raises
    ------
    InputError
        Where a folder holds none.
    """
    found: list[Path] = []
    for path in paths:
        inner = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not inner:
            raise InputError(
                f"The folder {path} holds no card",
                "give the folder cards/ of an export",
            )
        found += inner
    return found


def halving_of(
    cards: Sequence[Path],
    *,
    asked: bool | None,
    seed: int | None,
    share: float | None,
) -> Halving | None:
    """How an export is split: as asked, else as its cards say.

    Parameters
    ----------
    asked
        Whether to split; `None` leaves it to the cards, or to seed and share.
    seed, share
        Of the split, where they are given.

    Raises
    ------
    InputError
        Where the cards were split in several ways, or not all were, and nothing else
        was asked for.
    """
    if asked is False:
        if seed is not None or share is not None:
            raise InputError(
                "A seed or a share of halves, but no halves, were asked for",
                "leave --no-halves out",
            )
        return None
    if seed is not None or share is not None:
        return Halving(
            seed=0 if seed is None else seed, share=0.5 if share is None else share
        )
    said = [card.read_halving(path) for path in cards]
    if all(one == said[0] for one in said):
        return said[0] or (Halving() if asked else None)
    if asked:
        return Halving()
    raise InputError(
        f"The {len(cards)} cards come from exports split in different ways",
        "say how: --halves with --halves-seed, or --no-halves",
    )


def read_samples(path: Path) -> str:
    """Text of a genotype sample file."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The sample file {path} cannot be read", "give a .fam, .psam or .sample"
        ) from error
