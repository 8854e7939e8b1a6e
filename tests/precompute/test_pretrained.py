"""Published transformers from a local file, against timm itself."""

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from edp_core.errors import InputError
from edp_core.settings.encoders import PretrainedEncoder
from precompute.encode import encode_images
from precompute.encoders.pretrained import prepare_pretrained

torch.set_num_threads(1)  # networks so small that threads only wait

MODEL = "vit_tiny_patch16_224"
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (5, 64, 64, 3)).astype(np.uint8)


def settings(**changes):
    return PretrainedEncoder(**({"method": "pretrained", "model": MODEL} | changes))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A file as the hub has it: 224 pixels, three channels, with its classifier."""
    torch.manual_seed(0)
    model = timm.create_model(MODEL, pretrained=False)
    torch.nn.init.normal_(model.cls_token)
    path = tmp_path_factory.mktemp("published") / "model.safetensors"
    save_file(model.state_dict(), path)
    return path


def prepare(out, weights, *, channels=3, image_size=64, **changes):
    prepare_pretrained(
        settings(**changes),
        channels=channels,
        image_size=image_size,
        out=out,
        weights=weights,
    )
    return out


def timms_own(path, *, channels=3, size=64, block=-2):
    """CLS and patch tokens of a block by timm's loader and timm's forward pass."""
    model = timm.create_model(
        MODEL,
        pretrained=True,
        pretrained_cfg_overlay={"file": str(path)},
        num_classes=0,
        in_chans=channels,
        img_size=size,
    ).eval()
    pixels = torch.from_numpy(IMAGES[..., :channels]).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        patches, prefix = model.forward_intermediates(
            (pixels - 0.5) / 0.5,
            indices=[block],
            return_prefix_tokens=True,
            norm=True,
            intermediates_only=True,
        )[0]
    return prefix[:, 0].numpy(), patches.mean((2, 3)).numpy()


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_vectors_are_timms_penultimate_tokens(tmp_path, published, channels):
    out = prepare(tmp_path, published, channels=channels)
    images = IMAGES[..., :channels]
    cls, mean = timms_own(published, channels=channels)
    np.testing.assert_allclose(encode_images(images, out, settings()), cls, atol=1e-4)
    found = encode_images(images, out, settings(pooling="mean"))
    np.testing.assert_allclose(found, mean, atol=1e-4)
    assert cls.std(axis=0).min() > 0


def test_image_size_of_the_settings_goes_first(tmp_path, published):
    asked = settings(image_size=48)
    prepare_pretrained(
        asked, channels=3, image_size=40, out=tmp_path, weights=published
    )
    assert load_file(tmp_path / "weights.safetensors")["pos_embed"].shape[1] == 1 + 9


def test_the_size_it_was_trained_on_keeps_its_weights(tmp_path, published):
    out = prepare(tmp_path, published, image_size=224)
    kept, given = load_file(out / "weights.safetensors"), load_file(published)
    assert set(given) - set(kept) == {"head.weight", "head.bias"}
    assert all(torch.equal(value, given[name]) for name, value in kept.items())


def test_weights_that_lack_a_tensor_are_refused(tmp_path, published):
    cut = {k: v for k, v in load_file(published).items() if "blocks.3." not in k}
    save_file(cut, tmp_path / "cut.safetensors")
    with pytest.raises(InputError, match=r"another model: 12 of \d+ tensors"):
        prepare(tmp_path / "out", tmp_path / "cut.safetensors")
    assert not (tmp_path / "out").exists()


def test_weights_of_another_width_are_refused(tmp_path, published):
    with pytest.raises(InputError, match="another model"):
        prepare(tmp_path / "out", published, model="vit_small_patch16_224")


@pytest.mark.parametrize("name", ["model.bin", "absent.safetensors"])
def test_only_a_safetensors_file_will_do(tmp_path, name):
    (tmp_path / "model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match=f"no safetensors weights at .*{name}"):
        prepare(tmp_path / "out", tmp_path / name)


def test_a_cut_file_is_damaged(tmp_path, published):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(published.read_bytes()[:100_000])
    with pytest.raises(InputError, match="damaged"):
        prepare(tmp_path / "out", cut)


def test_without_the_hub_a_local_file_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(
        huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache")
    )
    with pytest.raises(InputError, match=r'set weights = "file.safetensors"'):
        prepare(tmp_path / "out", None)


def test_an_unknown_model_is_told_its_neighbours(tmp_path):
    with pytest.raises(InputError, match=r"no model 'vit_tiny_patch16_242'.*_224"):
        prepare(tmp_path, None, model="vit_tiny_patch16_242")


def test_a_convolutional_network_is_no_transformer(tmp_path):
    with pytest.raises(InputError, match="resnet18 is no vision transformer"):
        prepare(tmp_path, None, model="resnet18")


def test_a_size_that_does_not_fit_names_one_that_does(tmp_path, published):
    with pytest.raises(InputError, match=r"patches of 16.*image_size = 48"):
        prepare(tmp_path, published, image_size=50)
