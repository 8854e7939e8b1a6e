"""Parts of images left out: by hand, whole, planted, and in a study."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from edp_core import artifacts
from edp_core.appraisal.occlusion import Occlusion, carried, moved
from edp_core.appraisal.projection import Linear
from edp_core.errors import InputError, MissingArtifactError
from edp_core.settings.encoders import MaeEncoder
from edp_core.store import Store
from edp_core.study import load_study
from precompute.encode import encode_images
from precompute.encoders.mae import MaskedAutoencoder
from precompute.occlusion import Occluding, bounds, kept_patches
from precompute.steps import slots

torch.set_num_threads(1)  # networks so small that threads only wait
EDGE, PATCH = 32, 8


def settings(**changes):
    made = {"method": "mae", "size": "tiny", "patch": PATCH, "depth": 3}
    return MaeEncoder(**made | changes)


def write_encoder(folder, *, channels, seed=0, image_size=EDGE, **changes):
    """An encoder artifact whose weights are drawn, not learnt."""
    made = settings(**changes)
    torch.manual_seed(seed)
    model = MaskedAutoencoder(made, channels=channels, image_size=image_size)
    folder.mkdir(exist_ok=True)
    save_file(model.state_dict(), folder / "weights.safetensors")
    config = {
        "method": "mae", "settings": made.model_dump(), "channels": channels,
        "image_size": image_size,
        "mean": [127.5] * channels, "sd": [63.75] * channels,  # in grey values
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return folder


# ---- against the network, token by token -----------------------------------------
@pytest.mark.parametrize(("pooling", "block"), [("mean", -2), ("cls", -1), ("mean", 0)])
def test_it_is_the_network_without_the_tokens_of_a_part(tmp_path, pooling, block):
    folder = write_encoder(tmp_path / "e", channels=2, image_size=40)
    rng = np.random.default_rng(1)
    pixels = rng.random((3, 40, 40, 2)).astype(np.float16)
    asked = settings(pooling=pooling, block=block)
    # 5 x 5 patches in 3 x 3 parts: of one, two and four patches
    network = Occluding(folder, asked, across=3)
    whole, without = network.read(pixels)
    edges = network.edges
    model = network.model
    x = (torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2) - 0.5) / 0.25
    with torch.inference_mode():
        conv = model.patch_embed.proj
        tokens = torch.nn.functional.conv2d(x, conv.weight, conv.bias, stride=PATCH)
        tokens = tokens.flatten(2).transpose(1, 2) + model.positions[1:]
        first = (model.cls_token + model.positions[:1]).expand(3, 1, -1)
        for part in range(-1, (len(edges) - 1) ** 2):
            row, column = divmod(part, len(edges) - 1)
            keep = [
                patch
                for patch in range(25)
                if part < 0
                or not edges[row] <= patch // 5 < edges[row + 1]
                or not edges[column] <= patch % 5 < edges[column + 1]
            ]
            now = torch.cat([first, tokens[:, keep]], dim=1)
            for layer in model.blocks[: block % 3 + 1]:
                now = layer(now)
            now = model.norm(now)
            pooled = now[:, 0] if pooling == "cls" else now[:, 1:].mean(dim=1)
            by_hand = pooled.mean(dim=0).numpy()
            found = whole if part < 0 else without[part]
            np.testing.assert_allclose(found, by_hand, atol=2e-5)
    assert len(without) == 9


def test_the_whole_is_the_embeddings_own_vector(tmp_path):
    folder = write_encoder(tmp_path / "e", channels=1)
    pixels = np.random.default_rng(2).integers(0, 255, (4, 48, 48, 1)).astype(np.uint8)
    whole, _ = Occluding(folder, settings(), across=8).read(pixels)
    vectors = encode_images(pixels, folder, settings(), counts=np.array([4]))
    np.testing.assert_allclose(whole, vectors[0], atol=2e-6)


@pytest.mark.parametrize("patches", [2, 3, 4, 6, 7, 13, 14, 16, 37])
@pytest.mark.parametrize("across", [2, 3, 8, 64])
def test_parts_are_all_of_the_image_and_none_twice(patches, across):
    edges = bounds(patches, across)
    lengths = np.diff(edges)
    assert edges[0] == 0 and edges[-1] == patches
    assert 2 <= len(lengths) <= across
    assert lengths.min() >= 1 and lengths.max() - lengths.min() <= 1
    left_out = np.zeros(patches**2, int)
    numbers = []
    for parts, kept in kept_patches(edges):
        numbers += parts
        for patches_kept in kept.tolist():
            assert patches_kept == sorted(set(patches_kept))
            left_out[np.setdiff1d(np.arange(patches**2), patches_kept)] += 1
    assert sorted(numbers) == list(range(len(lengths) ** 2))
    assert (left_out == 1).all()


def test_one_patch_cannot_be_left_out(tmp_path):
    folder = write_encoder(
        tmp_path / "e", channels=1, image_size=16, patch=8, mask_ratio=0.5
    )
    assert Occluding(folder, settings(), across=2).edges == [0, 1, 2]
    with pytest.raises(InputError, match="one patch"):
        bounds(1, 8)


# ---- planted ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("pooling", "place"), [("mean", (0, 0)), ("mean", (1, 3)), ("cls", (3, 2))]
)
def test_a_signal_in_one_place_is_found_there(tmp_path, pooling, place):
    """One patch is bright in some and dark in others; elsewhere is noise."""
    rng = np.random.default_rng(sum(place))
    t = rng.normal(size=120)
    coarse = rng.integers(0, 30, (120, 4, 4))
    coarse[:, place[0], place[1]] = np.clip(128 + 40 * t, 0, 255)
    pixels = coarse.repeat(PATCH, 1).repeat(PATCH, 2)[..., None].astype(np.uint8)
    folder = write_encoder(tmp_path / "e", channels=1, seed=place[1])
    asked = settings(pooling=pooling)
    vectors = encode_images(pixels, folder, asked)
    network = Occluding(folder, asked, across=8)
    read = [network.read(image[None]) for image in pixels[:16]]
    occlusion = Occlusion(
        rows=np.arange(16),
        sides=np.full(16, ""),
        shares=np.ones(16),
        edges=np.array(network.edges) / 4,
        plain=np.array([whole for whole, _ in read], np.float32),
        changes=np.array([part - whole for whole, part in read], np.float16),
    )
    # how like the bright ones: a score that is not told where to look
    toward = vectors[t > 0].mean(axis=0) - vectors[t <= 0].mean(axis=0)
    sd = float(np.std(vectors.astype(float) @ toward, ddof=1))
    score = Linear(toward.astype(float), sd, r2=1.0, r2_left_out=1.0, n=120)
    maps = moved(score, occlusion)
    far = np.abs(maps).mean(axis=0)
    assert np.unravel_index(far.argmax(), far.shape) == place
    assert far[place] > 3 * np.sort(far.ravel())[-2]
    # without it the bright lose more than the dark: the differences lie there
    theirs = carried(score, occlusion)
    elsewhere = np.delete(theirs.mean.ravel(), 4 * place[0] + place[1])
    assert theirs.mean[place] == pytest.approx(1, abs=0.1)
    assert np.abs(elsewhere).max() < 0.3


# ---- in a study ------------------------------------------------------------------
@pytest.fixture(scope="module")
def opened(done_study):
    study = load_study(done_study)
    return study, Store(study.store_path)


@pytest.mark.parametrize("organ", ["liver", "kidney"])
def test_a_study_has_maps_of_people_of_all_clusters(opened, organ):
    study, store = opened
    occlusion = artifacts.read_occlusion(store, organ, "mae")
    inputs = artifacts.read_inputs(study, store, organ=organ, encoder="mae")
    people = occlusion.people
    assert len(people) == study.analysis.occlusion_people == 6
    labels = np.asarray(inputs.clusters)
    assert len(set(labels[people])) == min(6, labels.max() + 1)
    two = organ == "kidney"
    assert set(occlusion.sides) == ({"left", "right"} if two else {""})
    assert (np.diff(occlusion.rows) >= 0).all()
    totals = np.bincount(occlusion.rows, occlusion.shares)[people]
    np.testing.assert_allclose(totals, 1)
    # the person's vector is that of the embedding
    for row in people:
        of = occlusion.rows == row
        person = (occlusion.shares[of][:, None] * occlusion.plain[of]).sum(axis=0)
        np.testing.assert_allclose(person, np.asarray(inputs.vectors)[row], atol=2e-5)
    parts = 4 if two else 6
    assert occlusion.grid == (parts, parts)
    assert occlusion.changes.shape[:2] == (len(occlusion.rows), parts**2)
    assert occlusion.edges.tolist() == pytest.approx(np.linspace(0, 1, parts + 1))
    assert np.abs(occlusion.changes).max() > 0


def test_it_holds_no_id(opened):
    _, store = opened
    folder = store.at("occlusion/liver/mae")
    text = [
        f.name
        for f in folder.glob("*.npy")
        if np.load(f, allow_pickle=False).dtype.kind in "USO"
    ]
    assert text == ["sides.npy"]
    assert not list(folder.glob("*.parquet"))
    assert {f.stat().st_mode & 0o777 for f in folder.iterdir()} == {0o600}


def test_of_another_embedding_it_is_refused(done_study, copy_of):
    store = Store(copy_of(done_study) / "store")
    store.set_ref("embedding/liver/mae", store.ref("embedding/kidney/mae"))
    with pytest.raises(MissingArtifactError, match="of another embedding"):
        artifacts.read_occlusion(store, "liver", "mae")
    artifacts.read_occlusion(store, "kidney", "mae")
    with pytest.raises(MissingArtifactError, match="has not been computed"):
        artifacts.read_occlusion(store, "liver", "other")


def test_only_masked_autoencoders_have_one_and_only_where_wanted(raw_study, tmp_path):
    text = (raw_study / "study.toml").read_text()
    more = (
        '[encoders.pre]\nmethod = "pretrained"\n'
        '[encoders.own]\nmethod = "vectors"\nvectors = "{organ}.parquet"\n'
    )
    file = tmp_path / "study.toml"

    def asked():
        listed = [slot.name for slot in slots(load_study(tmp_path))]
        return [name for name in listed if name.startswith("occlusion/")]

    file.write_text(text + more)
    assert asked() == ["occlusion/liver/mae", "occlusion/kidney/mae"]
    file.write_text(re.sub(r"occlusion_people = \d+", "occlusion_people = 0", text))
    assert asked() == []
