"""The masked autoencoder against plain numpy and against its own invariances."""

import numpy as np
import pytest
import torch

from edp_core.errors import InputError
from edp_core.settings.encoders import MaeEncoder
from precompute.encoders.augment import (
    augment,
    channel_moments,
    denormalise,
    normalise,
    to_unit,
)
from precompute.encoders.mae import (
    Mask,
    MaskedAutoencoder,
    from_patches,
    sample_mask,
    to_patches,
)
from precompute.encoders.vit import block_number, pool, sincos_positions

torch.set_num_threads(1)  # networks so small that threads only wait


def settings(**changes):
    tiny = dict(
        method="mae",
        size="tiny",
        patch=4,
        depth=3,
        decoder_dim=32,
        decoder_depth=1,
        decoder_heads=2,
    )
    return MaeEncoder(**(tiny | changes))


def model(*, channels=2, image_size=16, **changes):
    torch.manual_seed(3)
    made = MaskedAutoencoder(
        settings(**changes), channels=channels, image_size=image_size
    )
    return made.eval()


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def mask_for(n, patches=16, ratio=0.75, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return sample_mask(n, patches, ratio=ratio, generator=generator)


# ---- the loss, in numpy, loop by loop -----------------------------------------------
def numpy_loss(images, predictions, hidden, *, patch, norm_pix):
    """The paper's loss from pixels: one hidden patch after the other."""
    images = images.astype(np.float64)
    columns = images.shape[3] // patch
    errors = []
    for n, number in zip(*np.nonzero(hidden), strict=True):
        row, column = divmod(number, columns)
        cut = images[
            n,
            :,
            row * patch : (row + 1) * patch,
            column * patch : (column + 1) * patch,
        ]
        target = np.moveaxis(cut, 0, -1).ravel()
        if norm_pix:
            target = (target - target.mean()) / np.sqrt(target.var(ddof=1) + 1e-6)
        errors.append(((predictions[n, number] - target) ** 2).mean())
    return np.mean(errors)


@pytest.mark.parametrize("norm_pix", [True, False])
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_loss_is_the_formula_on_hidden_patches_only(channels, norm_pix):
    mae = model(channels=channels, norm_pix=norm_pix)
    images, mask = noise(3, channels, 16, 16), mask_for(3)
    with torch.no_grad():
        loss, predictions = mae(images, mask)
    expected = numpy_loss(
        images.numpy(),
        predictions.double().numpy(),
        mask.hidden.numpy(),
        patch=4,
        norm_pix=norm_pix,
    )
    assert predictions.shape == (3, 16, 16 * channels)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_a_flat_patch_has_a_zero_target_not_a_missing_one():
    mae = model()
    assert torch.equal(
        mae.targets(torch.full((1, 2, 16, 16), 0.7)).abs() < 1e-3,
        torch.ones(1, 16, 32, dtype=torch.bool),
    )


def test_patches_come_apart_and_together():
    images = noise(2, 3, 12, 12)
    patches = to_patches(images, 4)
    assert torch.equal(from_patches(patches, 4), images)
    # Patch 5 of a 3 × 3 grid is row 1, column 2; its values run row, column, channel.
    by_hand = images[1, :, 4:8, 8:12].permute(1, 2, 0).reshape(-1)
    assert torch.equal(patches[1, 5], by_hand)


# ---- the mask ------------------------------------------------------------------------
@pytest.mark.parametrize("patches", [9, 16, 36, 144])
@pytest.mark.parametrize("ratio", [0.5, 0.6, 0.75, 0.9])
def test_every_image_keeps_the_same_exact_count(patches, ratio):
    mask = mask_for(50, patches, ratio)
    keep = int(patches * (1 - ratio))
    assert mask.visible.shape == (50, keep)
    assert (mask.hidden.sum(1) == patches - keep).all()
    for seen, hidden in zip(mask.visible, mask.hidden, strict=True):
        assert sorted([*seen.tolist(), *hidden.nonzero().ravel().tolist()]) == list(
            range(patches)
        )


def test_every_patch_is_hidden_equally_often_and_pairs_too():
    n, patches, ratio = 20_000, 16, 0.75
    hidden = mask_for(n, patches, ratio).hidden.double().numpy()
    share = hidden.mean(0)
    assert np.abs(share - ratio).max() < 4.5 * np.sqrt(ratio * (1 - ratio) / n)
    together = (hidden.T @ hidden / n)[np.triu_indices(patches, 1)]
    expected = ratio * (patches * ratio - 1) / (patches - 1)
    assert np.abs(together - expected).max() < 4.5 * np.sqrt(
        expected * (1 - expected) / n
    )


def test_restore_undoes_the_order_visible_then_hidden():
    mask = mask_for(4)
    for seen, restore, hidden in zip(*mask, strict=True):
        listed = torch.cat([seen, torch.full((12,), -1)])[restore]
        assert torch.equal(listed[~hidden], torch.arange(16)[~hidden])
        assert (listed[hidden] == -1).all()


# ---- positions -----------------------------------------------------------------------
def test_positions_are_the_formula():
    dim, grid = 24, 3
    positions = sincos_positions(grid, dim).double().numpy()
    assert positions.shape == (10, dim)
    assert not positions[0].any()
    for number in range(grid**2):
        row, column = divmod(number, grid)
        w = 10_000.0 ** (-4 * np.arange(dim // 4) / dim)
        expected = [np.sin(w * row), np.sin(w * column), np.cos(w * row)]
        expected = np.concatenate([*expected, np.cos(w * column)])
        np.testing.assert_allclose(positions[1 + number], expected, atol=1e-6)


def test_positions_are_frozen_and_not_saved():
    mae = model()
    names = {name for name, _ in mae.named_parameters()} | set(mae.state_dict())
    assert not [name for name in names if "position" in name]


# ---- the encoder ---------------------------------------------------------------------
def test_the_cls_token_does_not_care_for_the_order_of_visible_patches():
    mae = model()
    images, mask = noise(2, 2, 16, 16), mask_for(2, ratio=0.5)
    turned = mask.visible.flip(1)
    with torch.no_grad():
        a, b = mae.encode(images, mask.visible), mae.encode(images, turned)
    torch.testing.assert_close(a[:, 0], b[:, 0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(a[:, 1:], b[:, 1:].flip(1), atol=1e-5, rtol=1e-5)
    # … but for which patches they are it does.
    with torch.no_grad():
        others = mae.encode(images, mask_for(2, ratio=0.5, seed=1).visible)
    assert (a[:, 0] - others[:, 0]).abs().max() > 1e-3


def test_hiding_nothing_is_a_full_pass():
    mae = model()
    images = noise(2, 2, 16, 16)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        full = mae.embed(images, block=-1, pooling="cls")
        seen = mae.encode(images, order.expand(2, -1))[:, 0]
    torch.testing.assert_close(full, seen, atol=1e-5, rtol=1e-5)


def test_the_encoder_does_not_see_hidden_pixels():
    mae = model()
    images, mask = noise(1, 2, 16, 16), mask_for(1)
    patches = to_patches(images, 4)
    changed = torch.where(mask.hidden[..., None], noise(1, 16, 32, seed=9), patches)
    with torch.no_grad():
        a = mae.decode(mae.encode(images, mask.visible), mask.restore)
        other = from_patches(changed, 4)
        b = mae.decode(mae.encode(other, mask.visible), mask.restore)
    assert not torch.equal(images, other)
    assert torch.equal(a, b)


def test_embedding_is_the_penultimate_block_by_hand():
    mae = model()
    images = noise(2, 2, 16, 16)
    with torch.no_grad():
        # The patch embedding as a matrix product, then two of three blocks.
        kernel = mae.patch_embed.proj.weight.permute(2, 3, 1, 0).reshape(32, -1)
        tokens = to_patches(images, 4) @ kernel + mae.patch_embed.proj.bias
        tokens = tokens + sincos_positions(4, 192)[1:]
        tokens = torch.cat([mae.cls_token.expand(2, 1, 192), tokens], dim=1)
        tokens = mae.blocks[1](mae.blocks[0](tokens))
        centred = tokens - tokens.mean(-1, keepdim=True)
        normed = centred / (tokens.var(-1, correction=0, keepdim=True) + 1e-6).sqrt()
        cls = mae.embed(images, block=-2, pooling="cls")
        mean = mae.embed(images, block=1, pooling="mean")
    torch.testing.assert_close(cls, normed[:, 0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(mean, normed[:, 1:].mean(1), atol=1e-5, rtol=1e-5)


def test_reconstruction_of_a_perfect_decoder_is_the_image():
    mae = model(norm_pix=True)
    images, mask = noise(2, 2, 16, 16), mask_for(2)
    mae.decode = lambda *_: mae.targets(images)
    filled, hidden = mae.reconstruct(images, mask)
    torch.testing.assert_close(filled, images, atol=1e-5, rtol=1e-5)
    assert hidden.float().mean() == pytest.approx(0.75)
    assert torch.equal(to_patches(hidden, 4).all(-1), mask.hidden)


def test_sizes_are_the_published_ones():
    base = MaskedAutoencoder(
        MaeEncoder(method="mae", size="base"), channels=3, image_size=224
    )
    encoder = [p for n, p in base.named_parameters() if "deco" not in n]
    encoder = sum(p.numel() for p in encoder) - base.mask_token.numel()
    # ViT-B/16 has 86,567,656 parameters with its classifier (769,000) and learnt
    # positions (197 · 768), which ours has not.
    assert encoder == 86_567_656 - 769_000 - 197 * 768


# ---- what cannot be built ------------------------------------------------------------
def test_a_patch_that_does_not_divide_the_image_names_the_setting():
    with pytest.raises(InputError, match=r"18 pixels .* patches of 4 .* \[2, 3, 6"):
        model(image_size=18)


def test_a_mask_that_leaves_nothing_names_the_setting():
    with pytest.raises(InputError, match=r"mask_ratio = 0.95 leaves 0 of 16"):
        model(mask_ratio=0.95)


def test_decoder_heads_that_do_not_divide():
    with pytest.raises(InputError, match=r"decoder_dim = 32 .* decoder_heads = 3"):
        model(decoder_heads=3)


@pytest.mark.parametrize(("block", "number"), [(-2, 10), (0, 0), (11, 11), (-12, 0)])
def test_block_numbers(block, number):
    assert block_number(block, 12) == number


@pytest.mark.parametrize("block", [12, -13])
def test_a_block_that_is_not_there(block):
    with pytest.raises(InputError, match=rf"block = {block}, .* 12 blocks"):
        block_number(block, 12)


def test_pooling_cls_without_a_cls_token():
    with pytest.raises(InputError, match='pooling = "mean"'):
        pool(noise(1, 4, 8), prefix=0, pooling="cls")


# ---- augmentations -------------------------------------------------------------------
def blob(n=8, channels=3, size=32):
    """An off-centre disc on black, like an eye."""
    y, x = np.mgrid[:size, :size] / size
    disc = ((x - 0.45) ** 2 + (y - 0.55) ** 2 < 0.16)[..., None]
    shade = 90 + 100 * x[..., None] * np.linspace(0.5, 1, channels)
    return np.repeat((disc * shade).astype(np.uint8)[None], n, axis=0)


def unit(**changes):
    return to_unit(blob(**changes), size=32, device=torch.device("cpu"))


def draw(kind, batch, seed=0):
    return augment(batch, kind, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", ["eye", "organ", "none"])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_augmentations_keep_shape_type_and_range(kind, channels):
    batch = unit(channels=channels)
    changed = draw(kind, batch)
    assert changed.shape == batch.shape
    assert changed.dtype == torch.float32
    assert changed.min() >= 0
    assert changed.max() <= 1


@pytest.mark.parametrize("kind", ["eye", "organ"])
def test_augmentations_are_seeded_and_differ_within_a_batch(kind):
    batch = unit()
    assert torch.equal(draw(kind, batch), draw(kind, batch))
    assert not torch.equal(draw(kind, batch), draw(kind, batch, seed=1))
    first, second = draw(kind, batch)[:2]
    assert (first - second).abs().mean() > 0.005


@pytest.mark.parametrize("kind", ["eye", "organ"])
def test_no_augmentation_blanks_an_image_or_loses_the_organ(kind):
    batch = unit(n=256)
    changed = draw(kind, batch)
    lit = (changed.amax(1) > 0.1).float().mean((1, 2))
    # The disc fills half of the image; crops of ≥ 0.6 keep most of it.
    assert 0.3 < float(lit.min()) <= float(lit.max()) < 1
    assert float(changed.std((1, 2, 3)).min()) > 0.5 * float(batch.std((1, 2, 3)).min())


def test_only_the_eye_changes_colour():
    grey = torch.full((16, 3, 8, 8), 0.5)
    assert draw("eye", grey)[:, :, 4, 4].std(dim=1).min() > 0.001
    assert draw("organ", grey)[:, :, 4, 4].std(dim=1).max() < 1e-6


def test_background_stays_black():
    assert not draw("organ", torch.zeros(4, 2, 8, 8)).any()
    assert not draw("eye", torch.zeros(4, 3, 8, 8)).any()


def test_a_crop_of_everything_without_a_turn_is_the_image(monkeypatch):
    from precompute.encoders import augment as module

    still = module.Ranges(
        area=1, stretch=1, degrees=0, flip=False, gain=0, channel_gain=0, power=0
    )
    monkeypatch.setitem(module.RANGES, "organ", still)
    batch = unit()
    torch.testing.assert_close(draw("organ", batch), batch, atol=1e-5, rtol=0)


def test_moments_are_numpys_and_normalising_uses_them():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 8, 8, 5)).astype(np.uint8)
    images[..., 4] = 7
    mean, sd = channel_moments(images, chunk=7)
    pixels = images.reshape(-1, 5).astype(float)
    np.testing.assert_allclose(mean, pixels.mean(0))
    np.testing.assert_allclose(sd[:4], pixels[:, :4].std(0))
    assert sd[4] == 1
    batch = to_unit(images, size=8, device=torch.device("cpu"))
    normal = normalise(batch, mean, sd)
    np.testing.assert_allclose(normal.mean((0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(normal.std((0, 2, 3))[:4], 1, atol=1e-3)
    torch.testing.assert_close(denormalise(normal, mean, sd), batch)


def test_resizing_is_antialiased():
    stripes = np.zeros((1, 64, 64, 1), dtype=np.uint8)
    stripes[:, ::2] = 255
    small = to_unit(stripes, size=16, device=torch.device("cpu"))
    assert small.shape == (1, 1, 16, 16)
    assert (small - 0.5).abs().max() < 0.1


def test_mask_moves_whole():
    moved = mask_for(2).to(torch.device("cpu"))
    assert isinstance(moved, Mask)
