"""Images of a screen: drawn by the browser from bytes that come over the session.

No image is a file of the server's, so none has an address that could be passed on, kept
by a proxy or asked for without the session. `gallery` refuses to send anything where
the study does not allow images (`app.images.gate`).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from PIL import Image

from app.images import gate as images

HERE = Path(__file__).parent
HTML = """
<div class="gallery">
  <header><strong data-part="title"></strong>
    <button type="button" data-part="svg" title="Download as SVG">SVG</button>
    <button type="button" data-part="png" title="Download as PNG">PNG</button>
  </header>
  <div class="groups" data-part="groups" role="group"></div>
  <div class="bar" data-part="bar" hidden></div>
  <div class="said" data-part="said"></div>
  <dialog data-part="dialog" aria-label="Image, enlarged">
    <div class="top"><span data-part="caption"></span>
      <button type="button" data-part="before" title="Before: left arrow">←</button>
      <button type="button" data-part="after" title="Next: right arrow">→</button>
      <button type="button" data-part="smaller" title="Smaller: -">−</button>
      <button type="button" data-part="larger" title="Larger: +">+</button>
      <button type="button" data-part="close" title="Close: Escape">✕</button>
    </div>
    <div class="stage" data-part="stage">
      <canvas data-part="large" role="img" tabindex="0"></canvas>
    </div>
    <div class="tools"><div class="tools" data-part="series"></div>
      <label class="slices">Slice
        <input type="range" min="0" step="1" data-part="slice">
        <span data-part="where" aria-live="polite"></span></label>
      <small data-part="waiting">Reading its slices …</small></div>
  </dialog>
</div>
"""
SIZE = 96
"""Edge of an image in the page, in CSS pixels."""

_component = st.components.v2.component(
    "gallery",
    html=HTML,
    css=(HERE / "gallery.css").read_text(encoding="utf-8"),
    # a module that is given as text can import nothing: its parts are one text
    js="".join(
        (HERE / name).read_text(encoding="utf-8")
        for name in ("layout.js", "gallery.js")
    ),
)


@dataclass(frozen=True)
class Tile:
    """One image: its file's bytes (PNG or WebP), what it shows, what stands under it.

    Neither text may name a participant.
    """

    content: bytes
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Group:
    """Images that belong together, such as those at one percentile."""

    tiles: Sequence[Tile]
    title: str = ""
    note: str = ""


@dataclass(frozen=True)
class Scale:
    """What colours mean: a bar with its ends and its middle written out."""

    title: str
    low: str
    middle: str
    high: str
    colours: Sequence[str]


@dataclass(frozen=True)
class Figure:
    """What `gallery` draws.

    Attributes
    ----------
    name
        Stem of the downloads' names.
    title, said
        Its heading, and what stands below it and in every download: of how many.
    across
        Images side by side within a group.
    size
        Edge of an image in the page, in CSS pixels; the least where groups are even.
    even
        Whether groups stand in columns of one width, headings and images in line.
    """

    name: str
    title: str
    said: str
    groups: Sequence[Group]
    across: int = 8
    scale: Scale | None = None
    size: int = SIZE
    even: bool = False


@dataclass(frozen=True)
class Series:
    """Slices of one image in their order, as files' bytes."""

    label: str
    frames: Sequence[bytes]


Details = Callable[[int], Sequence[Series]]
"""Number of an image → all there is to see of it once it is enlarged."""


def gallery(figure: Figure, *, key: str, details: Details | None = None) -> None:
    """Draw images; one that is clicked is enlarged.

    Parameters
    ----------
    key
        Of the component, its own on the page.
    details
        Called with the number of an image that was enlarged; what it gives takes the
        image's place: slices to scroll through, channels. Best within a fragment.

    Raises
    ------
    InputError
        Where the study does not allow images.
    """
    images.need()
    content, mark = pack(figure, opens=details is not None)
    said = _component(
        key=key,
        data=content,
        on_opened_change=lambda: None,
    )
    number = read_opened(said.opened, mark=mark, n=_count(figure))
    with st.container(key=f"hidden-{key}"):
        if details is not None and number is not None:
            _component(
                key=f"{key}-detail",
                data=pack_detail(details(number), of=mark, tile=number),
            )


def _count(figure: Figure) -> int:
    return sum(len(group.tiles) for group in figure.groups)


def read_opened(value: object, *, mark: str, n: int) -> int | None:
    """Number of the image that was enlarged; `None` for whatever else was sent.

    The browser's word is not trusted: only the number of one of the ``n`` images of
    this very figure is taken.
    """
    if not isinstance(value, str):
        return None
    of, _, number = value.partition(":")
    if of != mark or not (number.isascii() and number.isdigit()) or len(number) > 6:
        return None
    return int(number) if int(number) < n else None


def pack(figure: Figure, *, opens: bool = False) -> tuple[bytes, str]:
    """Bytes of a figure as ``layout.js`` reads them, and the mark they go by."""
    files = _Files()
    head: dict[str, object] = {
        "kind": "figure",
        "name": figure.name,
        "title": figure.title,
        "said": figure.said,
        "across": figure.across,
        "size": figure.size,
        "even": figure.even,
        "opens": opens,
        "groups": [
            {
                "title": group.title,
                "note": group.note,
                "tiles": [
                    {"alt": t.alt, "caption": t.caption, **files.add(t.content)}
                    for t in group.tiles
                ],
            }
            for group in figure.groups
        ],
        "scale": vars(figure.scale) if figure.scale else None,
    }
    content = b"".join(files.held)
    seen = json.dumps(head).encode() + content
    mark = hashlib.sha256(seen).hexdigest()[:16]
    return _joined(head | {"id": mark}, content), mark


def pack_detail(series: Sequence[Series], *, of: str, tile: int) -> bytes:
    """Bytes of what is to see of one image of the figure ``of``."""
    files = _Files()
    head = {
        "kind": "detail",
        "of": of,
        "tile": tile,
        "series": [
            {"label": s.label, "frames": [files.add(f)["at"] for f in s.frames]}
            for s in series
        ],
    }
    return _joined(head, b"".join(files.held))


class _Files:
    """Files one after another, each with its place and size."""

    def __init__(self) -> None:
        self.held: list[bytes] = []
        self._end = 0

    def add(self, content: bytes) -> dict[str, object]:
        place = [self._end, len(content)]
        self.held.append(content)
        self._end += len(content)
        with Image.open(io.BytesIO(content)) as image:  # reads its header alone
            width, height = image.size
        return {"at": place, "w": width, "h": height}


def _joined(head: dict[str, object], content: bytes) -> bytes:
    text = json.dumps(head).encode()
    return len(text).to_bytes(4, "little") + text + content
