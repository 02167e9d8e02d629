"""LoHa, LoKr, DoRA and Tucker cores render as the package renders them that they come from."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lycoris import create_lycoris
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from torch import Tensor

from engine.rendering.adapters import SLOT_BYTES
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.layers import Layers, weight_of
from engine.rendering.lora_file import Lora, read_lora

from .toys import kohya, latents_of, plan, random_parts, save

#: What lycoris is asked for; its networks touch every linear layer and convolution of the UNet.
KINDS: dict[str, dict[str, Any]] = {
    "LoCon": {"algo": "locon"},
    "LoCon with Tucker cores": {"algo": "locon", "use_tucker": True},
    "LoHa": {"algo": "loha"},
    "LoHa with Tucker cores": {"algo": "loha", "use_tucker": True},
    "LoKr": {"algo": "lokr"},
    "LoKr of two products": {"algo": "lokr", "decompose_both": True, "factor": 4, "linear_dim": 1},
    "LoKr of whole matrices": {"algo": "lokr", "full_matrix": True},
    "LoKr with Tucker cores": {"algo": "lokr", "use_tucker": True, "factor": 2},
}
DECOMPOSED: dict[str, dict[str, Any]] = {
    f"{kind}, magnitudes by {side}": {**KINDS[kind], "dora_wd": True, "wd_on_output": by_output}
    for kind in ("LoCon", "LoHa", "LoKr")
    for side, by_output in (("output", True), ("input", False))
}
PLAIN = plan(0, {}, "a fox", "blurry")


def _network(unet: Any, options: Mapping[str, Any]) -> Any:
    """A lycoris network of random numbers, applied to the UNet."""
    torch.manual_seed(0)
    network = create_lycoris(
        unet, 1.0, **{"linear_dim": 2, "conv_dim": 2, "linear_alpha": 3, **options}
    )
    network.apply_to()
    for name, value in network.named_parameters():
        if "dora_scale" in name:
            value.data *= 0.5 + torch.rand_like(value)
        else:
            value.data = torch.randn_like(value) * 0.2
    return network


@pytest.mark.parametrize("kind", [*KINDS, *DECOMPOSED])
def test_a_kind_renders_as_lycoris_does(
    kind: str, checkpoint: Checkpoint, layers: Layers, tmp_path: Path
) -> None:
    unet = deepcopy(checkpoint.unet)
    network = _network(unet, (KINDS | DECOMPOSED)[kind])
    lora = read_lora(save(tmp_path / "ink", network.state_dict()), layers, "ink")
    assert {name for name in layers.modules if name.startswith("unet.")} >= set(lora.layers)
    assert len(lora.layers) == len(network.loras) > 50
    strengths = [1.0] if kind in DECOMPOSED else [1.0, -0.7]
    plans = [replace(plan(0, {"ink": s}), prompt="a fox", negative="blurry") for s in strengths]
    rendered = latents_of(checkpoint, plans, {"ink": lora})
    plain = latents_of(checkpoint, [PLAIN], {})
    for own, strength in zip(rendered, strengths, strict=True):
        network.set_multiplier(strength)
        expected = latents_of(replace(checkpoint, unet=unet), [PLAIN], {})
        assert (own - expected).abs().max() < 1e-4
        assert (expected - plain).abs().max() > 1e-2


@pytest.fixture
def loras(checkpoint: Checkpoint, layers: Layers, tmp_path: Path) -> dict[str, Lora]:
    """One of each kind, the plain one on some of the others' layers."""
    every = {"hada": KINDS["LoHa"], "kron": DECOMPOSED["LoKr, magnitudes by output"]}
    files = {
        name: save(tmp_path / name, _network(deepcopy(checkpoint.unet), options).state_dict())
        for name, options in every.items()
    }
    names = [name for name in layers.modules if name.endswith(("to_q", "conv1"))]
    files["plain"] = save(tmp_path / "plain", kohya(random_parts(layers, names)))
    return {name: read_lora(path, layers, name) for name, path in files.items()}


@pytest.mark.parametrize("slot_bytes", [0, SLOT_BYTES])
def test_kinds_share_a_batch_and_images_without_touching_each_other(
    slot_bytes: int, checkpoint: Checkpoint, loras: dict[str, Lora]
) -> None:
    plans = [
        plan(0, {"hada": 0.6, "plain": 0.5}),
        plan(1, {}),
        plan(2, {"kron": 0.4}),
        plan(3, {"kron": -0.2, "hada": 0.3, "plain": 1.0}),
    ]
    together = latents_of(checkpoint, plans, loras, slot_bytes=slot_bytes)
    alone = torch.cat([latents_of(checkpoint, [one], loras) for one in plans])
    assert (together - alone).abs().max() < 1e-4


def test_a_weight_is_a_share_of_the_difference(
    checkpoint: Checkpoint, layers: Layers, loras: dict[str, Lora]
) -> None:
    """Also of a DoRA's, whose merged weight is no sum: what ComfyUI does, and zero is nothing."""
    name = next(name for name in loras["kron"].layers if name.endswith("to_q"))
    weight = weight_of(layers.modules[name])
    before = weight.clone()
    weight += 0.3 * loras["kron"].layers[name].delta(weight)
    by_hand = latents_of(checkpoint, [PLAIN], {})
    weight.copy_(before)
    only = {"kron": replace(loras["kron"], layers={name: loras["kron"].layers[name]})}
    shared = replace(PLAIN, adapters=plan(0, {"kron": 0.3}).adapters)
    assert (latents_of(checkpoint, [shared], only) - by_hand).abs().max() < 1e-5


@pytest.mark.parametrize("flagged", [True, False])
def test_a_dora_of_peft(
    flagged: bool, checkpoint: Checkpoint, layers: Layers, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    config: Any = LoraConfig(
        r=3,
        lora_alpha=3,
        use_dora=True,
        init_lora_weights=False,
        target_modules=r".*(to_q|to_out\.0|proj_in|conv1|downsamplers.*conv)",
    )
    model: Any = get_peft_model(deepcopy(checkpoint.unet), config)
    for name, value in model.named_parameters():
        if "magnitude" in name:
            value.data *= 0.5 + torch.rand_like(value)
    tensors: dict[str, Tensor] = get_peft_model_state_dict(model)
    metadata = {"lora_adapter_metadata": '{"unet.use_dora": true}'} if flagged else None
    lora = read_lora(save(tmp_path / "ink", tensors, metadata), layers, "ink")
    assert len(lora.layers) == len(tensors) / 3
    rendered = latents_of(
        checkpoint, [replace(PLAIN, adapters=plan(0, {"ink": 1.0}).adapters)], {"ink": lora}
    )
    expected = latents_of(replace(checkpoint, unet=model), [PLAIN], {})
    assert (rendered - expected).abs().max() < 1e-4
    assert (expected - latents_of(checkpoint, [PLAIN], {})).abs().max() > 1e-2
