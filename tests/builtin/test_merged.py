"""An adapter taken over into another rank still does what it did."""

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from engine.builtin.exchange import change_of, layers_of
from engine.builtin.resize import take_over

# Loading a second adapter beside the first is what is meant.
pytestmark = pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")


def network() -> nn.Module:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(6, 12, 3), nn.Flatten(), nn.Linear(12, 10))
    for name, rank, layers in (("source", 4, ["0", "2"]), ("own", 6, ["0"]), ("small", 2, ["2"])):
        add(model, name, LoraConfig(r=rank, lora_alpha=3, target_modules=layers))
    for layer in layers_of(model, "source").values():
        nn.init.normal_(layer.lora_B["source"].weight)
    return model


def add(model: nn.Module, name: str, config: LoraConfig) -> None:
    inject_adapter_in_model(config, model, name)


def test_a_higher_rank_keeps_the_whole_change() -> None:
    model = network()
    assert take_over(model, "source", "own") == 1
    own, source = layers_of(model, "own")["0"], layers_of(model, "source")["0"]
    assert torch.allclose(change_of(own, "own"), change_of(source, "source"), atol=1e-5)


def test_a_lower_rank_keeps_its_strongest_part() -> None:
    model = network()
    assert take_over(model, "source", "small") == 1
    whole = change_of(layers_of(model, "source")["2"], "source")
    kept = change_of(layers_of(model, "small")["2"], "small")
    lost = torch.linalg.svdvals(whole)[2:].norm()
    assert float((whole - kept).norm()) == pytest.approx(float(lost), rel=1e-4)
    assert float(lost) < float(whole.norm())
