"""Encoding: deterministic, whole, and refusing what does not fit."""

import numpy as np
import pytest
import torch

from edp_core.errors import InputError, MissingArtifactError
from edp_core.settings.encoders import MaeEncoder
from precompute.encode import encode_images, load_encoder
from precompute.train import train_mae

torch.set_num_threads(1)  # networks so small that threads only wait


def settings(**changes):
    tiny = dict(
        method="mae",
        size="tiny",
        patch=8,
        depth=3,
        decoder_dim=32,
        decoder_depth=1,
        decoder_heads=2,
        epochs=1,
        warmup_epochs=0,
        batch=8,
        image_size=16,
    )
    return MaeEncoder(**(tiny | changes))


IMAGES = np.random.default_rng(0).integers(0, 256, (11, 24, 24, 2)).astype(np.uint8)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder")
    train_mae(IMAGES, settings(), workspace=folder / "work", out=folder / "out")
    return folder / "out"


def test_one_row_an_image_and_the_same_each_time(encoder):
    first = encode_images(IMAGES, encoder, settings())
    assert first.shape == (11, 192)
    assert first.dtype == np.float32
    assert np.array_equal(first, encode_images(IMAGES, encoder, settings()))
    assert first.std(axis=0).min() > 0


def test_vectors_do_not_depend_on_company(encoder):
    together = encode_images(IMAGES, encoder, settings())
    alone = encode_images(IMAGES[[7]], encoder, settings())
    in_threes = encode_images(IMAGES, encoder, settings(), batch=3)
    np.testing.assert_allclose(alone[0], together[7], atol=2e-5)
    np.testing.assert_allclose(in_threes, together, atol=2e-5)


def test_it_is_the_networks_own_vector_of_the_normalised_image(encoder):
    model, config = load_encoder(encoder)
    unit = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float() / 255
    unit = torch.nn.functional.interpolate(unit, 16, mode="bilinear", antialias=True)
    mean = torch.tensor(config["mean"]).reshape(1, 2, 1, 1) / 255
    sd = torch.tensor(config["sd"]).reshape(1, 2, 1, 1) / 255
    with torch.no_grad():
        tokens = model.tokens((unit - mean) / sd)
        for block in model.blocks[:2]:
            tokens = block(tokens)
        tokens = model.norm(tokens)
    for pooling, expected in [("cls", tokens[:, 0]), ("mean", tokens[:, 1:].mean(1))]:
        found = encode_images(IMAGES, encoder, settings(pooling=pooling))
        np.testing.assert_allclose(found, expected.numpy(), atol=2e-5)
    last = encode_images(IMAGES, encoder, settings(block=-1))
    assert np.abs(last - tokens[:, 0].numpy()).max() > 0.01


def test_memory_mapped_images(encoder, tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert np.array_equal(
        encode_images(mapped, encoder, settings()),
        encode_images(IMAGES, encoder, settings()),
    )


def test_progress_reaches_the_end(encoder):
    seen = []
    encode_images(IMAGES, encoder, settings(), batch=4, progress=seen.append)
    assert [(p.done, p.total) for p in seen] == [(4, 11), (8, 11), (11, 11)]


def test_other_channels_are_refused(encoder):
    with pytest.raises(InputError, match=r"1 channels, .* made for 2"):
        encode_images(IMAGES[..., :1], encoder, settings())


def test_a_block_that_is_not_there_is_named(encoder):
    with pytest.raises(InputError, match="block = 3, but the encoder has 3 blocks"):
        encode_images(IMAGES, encoder, settings(block=3))


@pytest.mark.parametrize("name", ["weights.safetensors", "config.json"])
@pytest.mark.parametrize("cut", [True, False])
def test_a_damaged_encoder_names_the_command(encoder, tmp_path, *, name, cut):
    for path in encoder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    if cut:
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(MissingArtifactError, match="python -m precompute run"):
        encode_images(IMAGES, tmp_path, settings())
