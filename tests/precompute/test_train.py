"""Training: what it writes, that it learns, and that a kill changes nothing."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from edp_core.errors import ConvergenceError, InputError
from edp_core.settings.encoders import MaeEncoder
from precompute import train
from precompute.checkpoint import BEFORE, LAST
from precompute.optimise import learning_rate, make_optimizer, random_numbers
from precompute.pictures import as_rgb, ticks
from precompute.train import Progress, train_mae

torch.set_num_threads(1)  # networks so small that threads only wait


def settings(**changes):
    tiny = dict(
        method="mae",
        size="tiny",
        patch=8,
        depth=2,
        decoder_dim=32,
        decoder_depth=1,
        decoder_heads=2,
        epochs=4,
        warmup_epochs=0.5,
        batch=8,
        base_lr=0.02,
        augment="organ",
        checkpoint_minutes=1e-9,
    )
    return MaeEncoder(**(tiny | changes))


def discs(n=16, size=32, channels=2):
    """A shaded disc, more or less bright and displaced: each place has its look."""
    rng = np.random.default_rng(0)
    dx, dy, light = rng.uniform(-1, 1, (3, n, 1, 1))
    y, x = np.mgrid[:size, :size] / size - 0.5
    far = (x + 0.04 * dx) ** 2 + (y + 0.04 * dy) ** 2
    disc = (1 + 0.3 * light) * np.exp(-12 * far) * (1 + x)
    images = np.stack([disc * (c + 1) for c in range(channels)], axis=-1)
    return (images / channels * 120).astype(np.uint8)


class KilledError(Exception):
    pass


def kill_after(images_done):
    def report(progress: Progress):
        if progress.done >= images_done:
            raise KilledError

    return report


def run(folder, images=None, *, progress=None, **changes):
    images = discs() if images is None else images
    train_mae(
        images,
        settings(**changes),
        workspace=folder / "work",
        out=folder / "out",
        progress=progress,
    )
    return folder / "out"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return run(tmp_path_factory.mktemp("trained"))


# ---- going on ------------------------------------------------------------------------
@pytest.mark.parametrize("images_done", [32, 40])  # after two epochs; within the third
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path, trained, images_done):
    with pytest.raises(KilledError):
        run(tmp_path, progress=kill_after(images_done))
    assert not (tmp_path / "out").exists()
    seen = []
    out = run(tmp_path, progress=seen.append)
    assert seen[0].done == images_done + 8
    for name in ("weights.safetensors", "config.json", "reconstructions.png"):
        assert (out / name).read_bytes() == (trained / name).read_bytes()
    pd.testing.assert_frame_equal(
        pd.read_parquet(out / "loss.parquet"), pd.read_parquet(trained / "loss.parquet")
    )


def test_another_seed_gives_other_weights(tmp_path, trained):
    out = run(tmp_path, seed=1)
    weights = "weights.safetensors"
    assert (out / weights).read_bytes() != (trained / weights).read_bytes()


def half(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def one_bit(path):
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [half, one_bit])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, trained, damage):
    with pytest.raises(KilledError):
        run(tmp_path, progress=kill_after(32))
    damage(tmp_path / "work" / LAST)
    seen = []
    with pytest.warns(UserWarning, match=f"{LAST} is damaged.*{BEFORE}"):
        out = run(tmp_path, progress=seen.append)
    assert seen[0].done == 32  # the step before the last is done again
    weights = "weights.safetensors"
    assert (out / weights).read_bytes() == (trained / weights).read_bytes()


def test_two_damaged_checkpoints_are_an_error_with_a_remedy(tmp_path):
    with pytest.raises(KilledError):
        run(tmp_path, progress=kill_after(32))
    half(tmp_path / "work" / LAST)
    half(tmp_path / "work" / BEFORE)
    with pytest.raises(InputError, match=f"{LAST} is damaged → delete .*work"):
        run(tmp_path)


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    with pytest.raises(KilledError):
        run(tmp_path, progress=kill_after(32))
    with pytest.raises(InputError, match="other settings or images"):
        run(tmp_path, base_lr=0.01)
    run(tmp_path, checkpoint_minutes=5)  # how often to save is not what is trained


def test_without_a_due_checkpoint_the_first_epoch_still_leaves_one(tmp_path):
    with pytest.raises(KilledError):
        run(tmp_path, progress=kill_after(48), checkpoint_minutes=60)
    assert [p.name for p in (tmp_path / "work").iterdir()] == [LAST]
    seen = []
    run(tmp_path, progress=seen.append, checkpoint_minutes=60)
    assert seen[0].done == 24


# ---- what is written -----------------------------------------------------------------
def test_the_artifact_is_whole_and_holds_no_pickle(trained):
    names = {path.name for path in trained.iterdir()}
    assert names == {
        "weights.safetensors",
        "config.json",
        "loss.parquet",
        "loss.png",
        "reconstructions.png",
    }
    for path in [*trained.iterdir(), *(trained.parent / "work").iterdir()]:
        # A pickle begins with its protocol, torch.save's with a zip's two letters.
        assert path.read_bytes()[:2] not in (b"\x80\x02", b"\x80\x04", b"PK")
    weights = load_file(trained / "weights.safetensors")
    assert weights["cls_token"].shape == (1, 1, 192)
    checkpoint = load_file(trained.parent / "work" / LAST)
    assert "optimizer.exp_avg_sq.cls_token" in checkpoint


def test_config_holds_all_that_rebuilds_it(trained):
    config = json.loads((trained / "config.json").read_text())
    assert MaeEncoder.model_validate(config["settings"]) == settings()
    assert (config["method"], config["channels"]) == ("mae", 2)
    assert (config["image_size"], config["n_images"]) == (32, 16)
    pixels = discs().reshape(-1, 2)
    np.testing.assert_allclose(config["mean"], pixels.mean(0))
    np.testing.assert_allclose(config["sd"], pixels.std(0))
    assert config["versions"]["torch"] == torch.__version__.split("+")[0] or (
        torch.__version__.startswith(config["versions"]["torch"])
    )


def test_loss_table_has_a_row_a_step(trained):
    table = pd.read_parquet(trained / "loss.parquet")
    assert list(table) == ["epoch", "step", "loss", "lr"]
    assert table[["epoch", "step"]].to_numpy().tolist() == [
        [epoch, step] for epoch in range(4) for step in range(2)
    ]


def test_pictures_open_and_show_more_than_paper(trained):
    with Image.open(trained / "loss.png") as picture:
        assert picture.size == (960, 540)
        colours = picture.convert("RGB").getcolors(10_000)
        assert len(colours) > 50
    with Image.open(trained / "reconstructions.png") as picture:
        rows = np.asarray(picture.convert("RGB"))[6:150], np.asarray(picture)[156:300]
        assert picture.height == 3 * 150 + 6
    assert (rows[0][:, 140:] != rows[1][:, 140:]).any()  # masked is not the image


def test_files_are_the_owners_alone(trained):
    assert {path.stat().st_mode & 0o077 for path in trained.iterdir()} == {0}


# ---- learning ------------------------------------------------------------------------
def test_structured_images_are_learnt_better_than_by_saying_nothing(tmp_path):
    out = run(tmp_path, epochs=60, norm_pix=True, augment="none", checkpoint_minutes=60)
    losses = pd.read_parquet(out / "loss.parquet").groupby("epoch")["loss"].mean()
    # Saying zero everywhere costs (P²C − 1)/(P²C), the variance of a normed patch.
    assert losses.iloc[-1] < 0.6 * (127 / 128)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_any_number_of_channels_trains(tmp_path, channels):
    out = run(tmp_path, discs(8, channels=channels), epochs=1)
    weights = load_file(out / "weights.safetensors")
    assert weights["patch_embed.proj.weight"].shape == (192, channels, 8, 8)


def test_images_are_resized_to_the_size_asked_for(tmp_path):
    out = run(tmp_path, discs(8, size=36), epochs=1, image_size=16)
    assert json.loads((out / "config.json").read_text())["image_size"] == 16


def test_half_precision_goes_the_same_way(tmp_path, trained):
    train_mae(
        discs(),
        settings(),
        workspace=tmp_path / "work",
        out=tmp_path / "out",
        precision="bf16-mixed",
    )
    half = pd.read_parquet(tmp_path / "out" / "loss.parquet")["loss"]
    full = pd.read_parquet(trained / "loss.parquet")["loss"]
    assert not half.equals(full)
    np.testing.assert_allclose(half, full, rtol=0.02)
    weights = load_file(tmp_path / "out" / "weights.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float32}


def test_progress_counts_images(tmp_path):
    seen = []
    run(tmp_path, progress=seen.append, epochs=2)
    assert [p.done for p in seen] == [8, 16, 24, 32]
    assert {p.total for p in seen} == {32}
    assert all(p.rate_per_s > 0 for p in seen)
    assert seen[-1].note.startswith("epoch 2/2, loss ")


# ---- the schedule --------------------------------------------------------------------
def test_learning_rate_warms_up_then_falls_as_a_cosine():
    s = settings(epochs=30, warmup_epochs=4, base_lr=1e-3)

    def lr(epoch):
        return learning_rate(s, epoch=epoch, batch=64)

    assert lr(1) == pytest.approx(1e-3 * 64 / 256 / 4)
    assert lr(4) == pytest.approx(2.5e-4)
    assert lr(17) == pytest.approx(1.25e-4)
    assert lr(10.5) == pytest.approx(2.5e-4 * (1 + math.cos(math.pi / 4)) / 2)
    assert lr(30) == pytest.approx(0)


def test_only_matrices_decay():
    made = train.MaskedAutoencoder(settings(), channels=2, image_size=32)
    decayed, free = make_optimizer(made, settings()).param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.05, 0)
    assert all(p.ndim >= 2 for p in decayed["params"])
    tokens = {id(made.cls_token), id(made.mask_token)}
    assert tokens == {id(p) for p in free["params"] if p.ndim > 1}
    total = sum(1 for _ in made.parameters())
    assert len(decayed["params"]) + len(free["params"]) == total


def test_draws_differ_by_place():
    first = {
        float(torch.rand(1, generator=random_numbers(*place)))
        for place in [(0, 0), (0, 1), (1, 0), (0, 0, 1), (0, 1, 0)]
    }
    assert len(first) == 5


# ---- errors --------------------------------------------------------------------------
def test_a_loss_that_is_no_number_hints_at_the_rate(tmp_path):
    with pytest.raises(ConvergenceError, match=r"lower base_lr \(now 1e\+20\)"):
        run(tmp_path, base_lr=1e20, warmup_epochs=0)


def test_one_image_is_too_few(tmp_path):
    with pytest.raises(InputError, match="at least 2 images, and there are 1"):
        run(tmp_path, discs(1))


def test_images_that_are_not_bytes(tmp_path):
    with pytest.raises(InputError, match="float64"):
        run(tmp_path, discs().astype(float))


def test_patch_must_divide(tmp_path):
    with pytest.raises(InputError, match="set patch to one of"):
        run(tmp_path, patch=7)


def test_warm_up_longer_than_training(tmp_path):
    with pytest.raises(InputError, match=r"warmup_epochs = 4 .* epochs = 4"):
        run(tmp_path, warmup_epochs=4)


# ---- pictures ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 30, [0, 5, 10, 15, 20, 25, 30]),
        (0.41, 0.93, [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (0.5, 0.5, None),
    ],
)
def test_ticks_are_round_and_enclose(low, high, expected):
    found = ticks(low, high)
    assert found[0] <= low <= high <= found[-1]
    if expected:
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_any_number_of_channels_has_colours(channels):
    images = np.random.default_rng(0).random((2, 4, 4, channels))
    shown = as_rgb(images)
    assert shown.shape == (2, 4, 4, 3)
    assert np.array_equal(shown[..., 0], images[..., 0])
