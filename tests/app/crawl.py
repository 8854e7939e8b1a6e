"""What a screen sends to the browser, gathered to the last string and table."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from google.protobuf.message import Message
from PIL import Image
from streamlit.testing.v1 import AppTest, local_script_runner

OTHERS = "clusters|variants|runs"
COUNT = re.compile(
    rf"^(n|n_(?!({OTHERS})$).*|count|cases|controls|participants|total)$", re.I
)
"""Names of columns and keys that count people."""
STATED = re.compile(r"\bN\s*=\s*([\d,]+)")
"""A count in a text."""
RENDERED = {
    ("Markdown", "body"), ("Heading", "body"), ("Alert", "body"), ("Toast", "body"),
    ("Html", "body"), ("Metric", "body"), ("Option", "content"), ("Radio", "options"),
}  # fmt: skip
"""Fields that are Markdown, beside every label and help."""
DIGEST = re.compile("[0-9a-f]{20,}")
THINGS = re.compile("^(Codes|Clusters|Axes|Principal|Variants|Loci)")
"""Names of figures that count no people."""
TABLES = {
    ("ArrowData", "data"),
    ("PandasStyler", "display_values"),
    ("ArrowTable", "data"),
    ("ArrowTable", "index"),
    ("ArrowTable", "columns"),
}
"""Fields of messages whose bytes are a table."""


def _kept(parse: Any) -> Any:
    """The same, and every message it was made of: a tree leaves most kinds out."""

    def read(messages: list[Message]) -> Any:
        tree = parse(messages)
        tree.messages = list(messages)
        return tree

    return read


local_script_runner.parse_tree_from_messages = _kept(
    local_script_runner.parse_tree_from_messages
)


@dataclass
class Seen:
    """Texts, tables and chart specifications of a screen."""

    texts: list[str] = field(default_factory=list)
    frames: list[pd.DataFrame] = field(default_factory=list)
    charts: list[dict[str, Any]] = field(default_factory=list)
    maps: list[tuple[dict[str, Any], pd.DataFrame]] = field(default_factory=list)
    """What maps of `app.scatter` are told, and their points (`read_map`)."""
    points: dict[str, pd.DataFrame] = field(default_factory=dict)
    """Sets of points by name, whether a map shows them or not."""
    views: list[dict[str, Any]] = field(default_factory=list)
    galleries: list[tuple[dict[str, Any], list[Image.Image]]] = field(
        default_factory=list
    )
    """What galleries of `app.gallery` are told, and their images."""
    rendered: list[str] = field(default_factory=list)
    """Texts that a browser takes for Markdown, or for HTML."""
    numbers: list[tuple[str, float]] = field(default_factory=list)
    """Numbers in JSON and of figures (`st.metric`), with their names."""

    @property
    def everything(self) -> str:
        """All of it as one text."""
        tables = [frame.to_csv() for frame in self.frames]
        return "\n".join([*self.texts, *tables])


def read_points(content: bytes) -> tuple[str, pd.DataFrame]:
    """Name of a set of points, and ``x, y, code``, and not a byte more."""
    length = int.from_bytes(content[:4], "little")
    head = json.loads(content[4 : 4 + length])
    assert set(head) == {"id", "n"}
    n, rest = head["n"], content[4 + length :]
    assert len(rest) == 9 * n
    return head["id"], pd.DataFrame(
        {
            "x": np.frombuffer(rest, "<f4", n),
            "y": np.frombuffer(rest, "<f4", n, 4 * n),
            "code": np.frombuffer(rest, np.uint8, n, 8 * n),
        }
    )


def read_gallery(content: bytes) -> tuple[dict[str, Any], list[Image.Image]]:
    """What a gallery is told, and its images, and not a byte more."""
    length = int.from_bytes(content[:4], "little")
    head = json.loads(content[4 : 4 + length])
    if head["kind"] == "detail":
        assert set(head) == {"kind", "of", "tile", "series"}
        places = [frame for series in head["series"] for frame in series["frames"]]
    else:
        places = [tile["at"] for group in head["groups"] for tile in group["tiles"]]
    images, end = [], 0
    for start, size in places:
        assert start == end, "bytes between images"
        end = start + size
        file = content[4 + length + start : 4 + length + end]
        image = Image.open(io.BytesIO(file))
        image.load()
        # a file may hold more than pixels: a name, a place, a time
        assert not image.info and not image.getexif(), image.info
        images.append(image)
    assert 4 + length + end == len(content)
    return head, images


def read_map(
    view: dict[str, Any], points: dict[str, pd.DataFrame]
) -> tuple[dict[str, Any], pd.DataFrame]:
    """What a map is told, and its points: ``x, y, category``, and ``lit`` if any is."""
    found = points[view["points"]]
    assert len(found) == view["n"]
    names = np.array([category["name"] for category in view["categories"]], object)
    table = found[["x", "y"]].assign(category=names[found["code"]])
    if view["highlight"] is not None:
        sent = np.frombuffer(base64.b64decode(view["highlight"], validate=True), "u1")
        assert len(sent) == -(-len(table) // 8)
        bits = np.unpackbits(sent, bitorder="little")
        assert not bits[len(table) :].any()
        table["lit"] = bits[: len(table)].astype(bool)
    return view, table


def crawl(at: AppTest) -> Seen:
    """Read every message of a screen: a new kind of element is not overlooked."""
    seen = Seen()
    for message in at._tree.messages:
        read(message, seen)
    seen.maps = [read_map(view, seen.points) for view in seen.views]
    for key, values in at.query_params.items():
        seen.texts += [key, *(values if isinstance(values, list) else [values])]
    return seen


def read(message: Message, seen: Seen) -> None:
    """Read a message to the last field; bytes nobody knows how to read are an error."""
    kind = message.DESCRIPTOR.name
    for descriptor, value in message.ListFields():
        for item in _items(value):
            if isinstance(item, Message):
                read(item, seen)
            elif isinstance(item, bytes):
                _bytes(message, descriptor.name, item, seen)
            elif isinstance(item, str):
                # by chance the digits of a digest would be those of an id
                seen.texts.append(DIGEST.sub("", item))
                if (kind, descriptor.name) in RENDERED or descriptor.name in (
                    "label",
                    "help",
                ):
                    seen.rendered.append(item)
                _json(item, seen)
                if descriptor.name == "spec":
                    seen.charts.append(json.loads(item))
                if descriptor.name == "json" and '"points"' in item:
                    seen.views.append(json.loads(item))
                if (kind, descriptor.name) == ("Metric", "body"):
                    seen.numbers += _numbers(item, message.label)


def _bytes(message: Message, name: str, item: bytes, seen: Seen) -> None:
    kind = message.DESCRIPTOR.name
    if (kind, name) in TABLES:
        seen.frames.append(pa.ipc.open_stream(io.BytesIO(item)).read_pandas())
        return
    assert (kind, name) == ("BidiComponent", "bytes"), f"nobody reads {kind}.{name}"
    if "gallery" in message.component_name:
        seen.galleries.append(read_gallery(item))
        seen.texts.append(json.dumps(seen.galleries[-1][0]))
        _json(seen.texts[-1], seen)
        return
    assert "scatter_points" in message.component_name, "nobody reads them"
    called, points = read_points(item)
    seen.points[called] = points
    seen.frames.append(points)


def _json(text: str, seen: Seen) -> None:
    """Numbers that count people within a text, where it is JSON."""
    if text[:1] not in ("{", "["):
        return
    try:
        seen.numbers += _counted(json.loads(text), "")
    except ValueError:
        return


def _counted(value: Any, name: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _counted(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _counted(inner, name)
    elif COUNT.match(name) and not isinstance(value, bool):
        yield from _numbers(value, name)


def _numbers(value: object, name: str) -> list[tuple[str, float]]:
    """A number by itself, written as people write it."""
    text = str(value).replace(",", "")
    return [(name, float(text))] if re.fullmatch(r"\d+", text) else []


def _items(value: Any) -> list[Any]:
    if isinstance(value, str | bytes | bool | int | float | Message):
        return [value]
    if hasattr(value, "items"):
        return [part for pair in value.items() for part in pair]
    return list(value)


def counts(seen: Seen) -> Iterator[tuple[str, float]]:
    """Every number that says how many people, with where it stands."""
    for frame in seen.frames:
        for name in frame.columns:
            if COUNT.match(str(name)):
                column = pd.to_numeric(frame[name], errors="coerce").dropna()
                yield from ((str(name), float(value)) for value in column)
    yield from ((name, n) for name, n in seen.numbers if not THINGS.search(name))
    for text in seen.texts:
        for number in STATED.findall(text):
            yield text, float(number.replace(",", ""))


def small(found: Iterator[tuple[str, float]], threshold: int = 5) -> list[str]:
    """Where a count from 1 to one below the threshold is shown."""
    return [where for where, count in found if 1 <= count < threshold]


def table_with(seen: Seen, *columns: str) -> pd.DataFrame:
    """The last table that has these columns."""
    held = [f for f in seen.frames if set(columns) <= set(f.columns)]
    assert held, f"no table with {columns}"
    return held[-1]


def numeric(frame: pd.DataFrame, column: str) -> np.ndarray:
    """A column as floats, NaN where hidden."""
    return pd.to_numeric(frame[column], errors="coerce").to_numpy(float)


def told(at: AppTest) -> str:
    """All text of a screen."""
    return "\n".join(crawl(at).texts)


def broke(at: AppTest) -> bool:
    """Whether the studio owned up to a bug of its own."""
    bugs = [error for error in at.error if "bug" in error.icon]
    return bool(at.exception or bugs)


def choice(at: AppTest) -> tuple[str | None, str | None]:
    """Code and cluster of the select boxes."""
    return at.selectbox(key="code_box").value, at.selectbox(key="cluster").value


def edit(study: Path, old: str, new: str) -> None:
    """Change study.toml."""
    file = study / "study.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
