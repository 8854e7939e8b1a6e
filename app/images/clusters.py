"""Images on the screen Clusters: behind a point of the map, and of a whole group."""

from __future__ import annotations

import numpy as np
import streamlit as st
from scipy.stats import rankdata

from app import data, errors, state
from app.gallery import Figure, Group, Tile, gallery
from app.images import gate as images
from app.images import groups as image_groups
from app.images import tiles as image_tiles
from app.images.groups import Members
from app.state import Choice
from edp_core.appraisal.exemplars import spread
from edp_core.phenotype import Spec

COUNT = 24
NEIGHBOURS = 5


# ---- behind a point ---------------------------------------------------------------
def picked(x: float, y: float) -> None:
    """Remember a point of the map that was clicked (in the map's callback).

    The cluster it lies in becomes the choice, so that plot and table follow the map; a
    cluster whose size is hidden does not.
    """
    now = state.choice()
    st.session_state["_picked"] = (now.organ, now.encoder, float(x), float(y))
    row = nearest(now, (x, y))
    labels = data.atlas_array(now.organ, now.encoder, "clusters")
    if row is not None and int(labels[row]) in image_groups.shown_clusters(now):
        state.pick_cluster(str(labels[row]))


def behind_point(choice: Choice) -> None:
    """Images of whoever is nearest to the clicked point, and of the most alike."""
    at = st.session_state.get("_picked")
    # a point of another map is none of this one
    if at is None or at[:2] != (choice.organ, choice.encoder):
        return
    with errors.shown():
        if images.ready(choice.organ):
            _point(choice, at[2:])


@st.fragment
def _point(choice: Choice, at: tuple[float, float]) -> None:
    row = nearest(choice, at, among=images.pixels(choice).has)
    if row is None:
        return
    nearby = data.atlas_array(choice.organ, choice.encoder, "knn_indices")[row]
    others = [int(i) for i in nearby if int(i) != row][:NEIGHBOURS]
    rows = np.array([row, *others])
    images.looked(
        "behind a point", organ=choice.organ, count=len(rows), view=f"{rows.tolist()}"
    )
    alike = f"most alike of the {data.seen(choice.organ, choice.encoder):,}"
    gallery(
        Figure(
            f"point-{choice.organ}-{choice.encoder}",
            f"Behind the point: {choice.organ}",
            "One participant, and whose images the encoder finds most alike. A map "
            "that shows a code or a column moves its points a little: there it is the "
            "participant nearest to where was clicked.",
            [
                Group(_tiles(choice, rows[:1]), title="Here", note="one participant"),
                Group(_tiles(choice, rows[1:]), title="Nearest neighbours", note=alike),
            ],
            across=NEIGHBOURS,
        ),
        key="behind_point",
        details=image_tiles.slices_of(choice, rows),
    )


def nearest(
    choice: Choice, at: tuple[float, float], *, among: np.ndarray | None = None
) -> int | None:
    """Row of the seen nearest to a place on the map; `None` where it is no place.

    Parameters
    ----------
    among
        (n_seen,) bool, who is looked for; by default everybody.
    """
    if not np.isfinite(at).all():
        return None
    umap = np.asarray(
        data.atlas_array(choice.organ, choice.encoder, "umap"), np.float64
    )
    # whatever the browser sends, far away is far away
    gaps = np.square(umap - np.clip(at, -1e9, 1e9)).sum(axis=1)
    if among is not None:
        gaps[~among] = np.inf
    return int(np.argmin(gaps))


def _tiles(choice: Choice, rows: np.ndarray) -> list[Tile]:
    captions = described(choice, rows)
    alts = [f"Image of the {choice.organ}, {caption}" for caption in captions]
    return image_tiles.of_people(choice, rows, captions=captions, alts=alts)


def described(choice: Choice, rows: np.ndarray) -> list[str]:
    """Cluster and percentile of the design's score of some people, never who or what.

    A cluster whose size is hidden is not named.
    """
    labels = data.atlas_array(choice.organ, choice.encoder, "clusters")
    shown = set(image_groups.shown_clusters(choice))
    standing = percentiles(choice)
    found = []
    for row in rows:
        number = int(labels[row])
        words = [f"cluster {number}" if number in shown else "small cluster"]
        if standing is not None and np.isfinite(standing[row]):
            words.append(f"score percentile {round(float(standing[row]))}")
        found.append(", ".join(words))
    return found


def percentiles(choice: Choice) -> np.ndarray | None:
    """(n_seen,) percentile of the last design's score; `None` without one of here."""
    spec: Spec | None = st.session_state.get("_design")
    where = (getattr(spec, "organ", None), getattr(spec, "encoder", None))
    if spec is None or where != (choice.organ, choice.encoder):
        return None
    score = data.phenotype(spec)
    if score.kind == "binary":
        return None
    values = score.values[np.asarray(data.inputs(choice.organ, choice.encoder).seen)]
    known = np.isfinite(values)
    found = np.full(len(values), np.nan)
    # Hazen's positions, ties at the middle of their ranks
    found[known] = 100 * (rankdata(values[known]) - 0.5) / known.sum()
    return found


# ---- a cluster or a group -----------------------------------------------------------
def section(choice: Choice) -> None:
    """Images of the chosen cluster, from its middle to its rim."""
    st.subheader("Images", anchor=False)
    number = choice.cluster or 0
    if images.allowed() and number not in image_groups.shown_clusters(choice):
        st.caption(
            "The cluster is too small, or its size would give another's away: its "
            "images are not shown."
        )
        return
    people(choice, image_groups.cluster(choice, number), key="cluster_images")


@st.fragment
def people(choice: Choice, group: Members, *, key: str) -> None:
    """A page of a group's images, and a button for others of them.

    Parameters
    ----------
    group
        Of enough people; not the cases of a code, whose images are never shown singly.
    """
    with errors.shown():
        if not images.ready(choice.organ):
            return
        turn = st.session_state.get(f"_{key}", 0)
        rows = sample(choice, group.members, seed=turn)
        images.looked(
            "of a group",
            organ=choice.organ,
            count=len(rows),
            view=f"{group.name} {turn}",
        )
        _page(choice, group, rows, key=key)
        if group.members.sum() > COUNT:
            st.button(
                "Others of them",
                key=f"{key}_others",
                icon=":material/shuffle:",
                on_click=lambda: st.session_state.update({f"_{key}": turn + 1}),
            )


def sample(choice: Choice, members: np.ndarray, *, seed: int) -> np.ndarray:
    """Rows of a few of a group, evenly from its middle to its rim.

    The group is cut into `COUNT` rings of equally many people by their distance to
    its mean vector, and of each ring one is drawn.
    """
    rows = np.flatnonzero(members & images.pixels(choice).has)
    vectors = np.asarray(data.inputs(choice.organ, choice.encoder).vectors)[rows]
    far = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1)
    rows = rows[np.argsort(far, kind="stable")]
    ring = np.arange(len(rows)) * COUNT // len(rows)
    return rows[spread(ring, COUNT, seed=seed)]


def _page(choice: Choice, group: Members, rows: np.ndarray, *, key: str) -> None:
    colours = image_tiles.colour_words(choice.organ)
    n = int(group.members.sum())
    alts = [f"Image of the {choice.organ}, {group.name}, {i + 1} of {len(rows)}"
            for i in range(len(rows))]  # fmt: skip
    gallery(
        Figure(
            f"{group.name}-{choice.organ}-{choice.encoder}".lower().replace(" ", "-"),
            f"Images of the {choice.organ}: {group.name}",
            f"{len(rows)} of N = {n:,}, evenly from the middle of the group (first) to "
            "its rim (last), by distance to its mean vector"
            + (f"; {colours}." if colours else "."),
            [Group(image_tiles.of_people(choice, rows, alts=alts))],
            across=12,
        ),
        key=key,
        details=image_tiles.slices_of(choice, rows),
    )
