"""A checkpoint is loaded with what follows from it, or refused with its name and the next step."""

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from diffusers import AutoencoderTiny

from engine.errors import BadSettings, CheckpointUnavailable
from engine.rendering.checkpoint import Checkpoint, load_checkpoint
from engine.rendering.job import Job
from engine.rendering.model_files import family_of
from engine.rendering.renderer import Renderer

from .original import write_hub_cache, write_single_file
from .toys import SAMPLING, batch_of, latents_of, plan, save


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the toy, to break."""
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


def _sentence(source: Path | str, name: str = "toy") -> str:
    with pytest.raises(CheckpointUnavailable) as caught:
        load_checkpoint(name, str(source), "cpu")
    sentence = str(caught.value)
    assert f"“{name}”" in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def _edit(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_what_follows_from_the_files(checkpoint: Checkpoint) -> None:
    assert checkpoint.family == "stylus-small"
    assert (checkpoint.latent_channels, checkpoint.latent_pixels) == (4, 2)
    assert (checkpoint.device.type, checkpoint.dtype) == ("cpu", torch.float32)
    assert checkpoint.scheduler_config["_class_name"] == "DDIMScheduler"
    assert not any(p.requires_grad for p in checkpoint.unet.parameters())
    assert not checkpoint.unet.training


@pytest.mark.parametrize(
    ("unet", "index", "family"),
    [
        ({"cross_attention_dim": 768}, {}, "sd15"),
        ({"cross_attention_dim": 1024}, {}, "sd21"),
        ({"cross_attention_dim": 2048}, {}, "sdxl"),
        ({"cross_attention_dim": 768}, {"text_encoder_2": ["transformers", "X"]}, "sdxl"),
        ({"cross_attention_dim": 128}, {}, "stylus-small"),
        ({"cross_attention_dim": 128}, {"stylus_family": "stylus-large"}, "stylus-large"),
        ({"cross_attention_dim": 768, "stylus_family": "own"}, {}, "own"),
        ({"cross_attention_dim": 999}, {}, ""),
        ({}, {}, ""),
    ],
)
def test_families(unet: dict[str, Any], index: dict[str, Any], family: str) -> None:
    assert family_of(unet, index) == family


def test_the_family_key_of_the_files_wins(folder: Path) -> None:
    _edit(folder / "model_index.json", stylus_family="stylus-large")
    assert load_checkpoint("toy", str(folder), "cpu").family == "stylus-large"


def test_a_folder_needs_no_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        pytest.fail("A connection was opened.")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert load_checkpoint("toy", str(folder), "cpu").name == "toy"
    (folder / "vae" / "config.json").unlink()
    assert "cannot be loaded" in _sentence(folder)


def test_a_tiny_autoencoder(folder: Path) -> None:
    tiny: Any = AutoencoderTiny
    shutil.rmtree(folder / "vae")
    torch.manual_seed(0)
    tiny(
        encoder_block_out_channels=(8, 8, 8),
        decoder_block_out_channels=(8, 8, 8),
        num_encoder_blocks=(1, 1, 1),
        num_decoder_blocks=(1, 1, 1),
    ).save_pretrained(folder / "vae")
    _edit(folder / "model_index.json", vae=["diffusers", "AutoencoderTiny"])
    loaded = load_checkpoint("toy", str(folder), "cpu")
    assert loaded.latent_pixels == 4
    batch = batch_of(Renderer(loaded), Job(SAMPLING, [plan(0, {})], _no_file))
    assert batch.images[0].image.size == (16, 16)


def _no_file(_adapter: object) -> Path:
    raise AssertionError


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype: str, model_folder: Path) -> None:
    loaded = load_checkpoint("toy", str(model_folder), "cpu", dtype)
    assert loaded.dtype == getattr(torch, dtype)
    for model in (loaded.unet, loaded.text_encoder, loaded.vae):
        assert {p.dtype for p in model.parameters()} == {loaded.dtype}
    batch = batch_of(Renderer(loaded), Job(SAMPLING, [plan(0, {})], _no_file))
    assert batch.images[0].image.size == (16, 16)


def test_settings_that_name_nothing(model_folder: Path) -> None:
    with pytest.raises(BadSettings, match="no device “abacus”: use auto, cpu or cuda"):
        load_checkpoint("toy", str(model_folder), "abacus")
    with pytest.raises(BadSettings, match="no number type “float7”: use auto, float32"):
        load_checkpoint("toy", str(model_folder), "cpu", "float7")


@pytest.mark.parametrize("source", ["/nowhere/model", "./nowhere", "nowhere.safetensors"])
def test_nothing_there(source: str) -> None:
    assert _sentence(source) == (
        f"Checkpoint “toy” is not at {source}: correct its source in the settings."
    )


BREAKING: dict[str, Callable[[Path], object]] = {
    "no index": lambda folder: (folder / "model_index.json").unlink(),
    "index no JSON": lambda folder: (folder / "model_index.json").write_text("{"),
    "no UNet": lambda folder: shutil.rmtree(folder / "unet"),
    "no weights": lambda folder: (folder / "unet/diffusion_pytorch_model.safetensors").unlink(),
    "weights cut": lambda folder: (folder / "text_encoder/model.safetensors").write_bytes(b"{"),
    "no scheduler": lambda folder: shutil.rmtree(folder / "scheduler"),
    "no autoencoder": lambda folder: shutil.rmtree(folder / "vae"),
}


@pytest.mark.parametrize("case", BREAKING)
def test_files_that_are_missing_or_broken(case: str, folder: Path) -> None:
    BREAKING[case](folder)
    sentence = _sentence(folder)
    assert f"cannot be loaded from {folder} (" in sentence
    assert "check that its files are complete" in sentence


def test_a_tokenizer_that_is_missing(folder: Path) -> None:
    shutil.rmtree(folder / "tokenizer")
    assert "words and a text encoder of 190: check that its files" in _sentence(folder)


def test_weights_in_a_pickle_are_not_read(folder: Path) -> None:
    weights = folder / "unet/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    assert "cannot be loaded" in _sentence(folder)


def test_the_refiner_of_sdxl_is_refused(folder: Path) -> None:
    _edit(
        folder / "model_index.json",
        text_encoder=[None, None],
        text_encoder_2=["transformers", "CLIPTextModelWithProjection"],
    )
    shutil.copytree(folder / "text_encoder", folder / "text_encoder_2")
    assert "is SDXL's refiner, which has one text encoder" in _sentence(folder)


def test_variants_that_would_render_wrongly_are_refused(folder: Path) -> None:
    _edit(folder / "unet/config.json", time_cond_proj_dim=16)
    assert "is a distilled or class-conditioned variant" in _sentence(folder)
    _edit(folder / "unet/config.json", time_cond_proj_dim=None, cross_attention_dim=999)
    assert "is of no family that is known" in _sentence(folder)
    _edit(folder / "unet/config.json", cross_attention_dim=24)
    _edit(folder / "model_index.json", vae=["diffusers", "VQModel"])
    assert "has a VQModel" in _sentence(folder)


def test_a_single_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x80\x04K\x01.")
    assert "is no safetensors file: convert it" in _sentence(path)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.usefixtures("offline")
def test_a_hub_id_without_the_hub() -> None:
    assert "cannot be loaded from nobody/nothing (" in _sentence("nobody/nothing")


@pytest.mark.parametrize(
    ("key", "family"),
    [
        ("model.diffusion_model.double_blocks.0.img_attn.qkv.weight", "Flux"),
        ("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", "Stable Diffusion 3"),
    ],
)
def test_a_single_file_of_another_family_is_refused_by_name(
    key: str, family: str, tmp_path: Path
) -> None:
    path = save(tmp_path / "other.safetensors", {key: torch.zeros(1)})
    assert f"is a single file of {family}, which is read from a diffusers" in _sentence(path)


@pytest.mark.usefixtures("offline")
def test_a_single_file_without_the_hub(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save(path, {"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(1)})
    assert f"cannot be loaded from {path} (" in _sentence(path)


@pytest.mark.usefixtures("offline")
def test_a_single_file_is_the_same_model(
    checkpoint: Checkpoint, model_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    write_single_file(checkpoint, path)
    write_hub_cache(tmp_path / "hub", model_folder)
    loaded = load_checkpoint("toy", str(path), "cpu")
    plans = [plan(0, {}, "a fox", "blurry")]
    assert loaded.family == checkpoint.family
    assert torch.equal(latents_of(loaded, plans, {}), latents_of(checkpoint, plans, {}))
    latents = torch.ones(1, 4, 8, 8)
    assert torch.equal(loaded.decode(latents), checkpoint.decode(latents))
