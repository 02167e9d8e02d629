"""A batch's steps, recorded once and played back, give what they give when they are taken.

Recorded on a CPU by torch's own tracer, which keeps what a CUDA graph keeps: the operations and the
tensors they read, and none of the Python around them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from engine.rendering.adapters import SLOT_BYTES
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.layers import Layers
from engine.rendering.lora_file import Lora, read_lora
from engine.rendering.random_loras import kinds_like
from engine.rendering.recording import Recorded, Work

from .test_company import rows_of_unet
from .toys import SAMPLING, kohya, latents_of, plan, random_parts, save

PLANS = (
    plan(0, {"LoRA": 1.0}, "a fox"),
    plan(1, {"LoRA": 0.7, "LoHa": 0.5}, "a red fox", "blurry"),
    plan(2, {}, "two cats"),
    plan(3, {"DoRA": 0.9, "LoKr": 1.2}, "a cat"),
)


@pytest.fixture
def loras(tmp_path: Path, layers: Layers) -> Mapping[str, Lora]:
    """One of each kind, on linear layers and convolutions."""
    names = [n for n in layers.modules if n.endswith(("to_q", "proj_in", "conv1", "fc1"))]
    path = save(tmp_path / "ink", kohya(random_parts(layers, names, rank=2)))
    return kinds_like(read_lora(path, layers, "ink"), layers)


def traced(work: Work, rows: Tensor, timestep: Tensor) -> Callable[[], Tensor]:
    """A `Record`: what it gives lies in one tensor, as with CUDA graphs."""
    trace = make_fx(work)(rows, timestep)
    prediction = torch.empty_like(rows)

    def play() -> Tensor:
        return prediction.copy_(trace(rows, timestep))

    return play


# PNDM looks back at predictions, which a guidance of 1 leaves as the UNet made them.
@pytest.mark.parametrize(
    ("scheduler", "guidance", "slot_bytes"), [("DDIM", 3.0, SLOT_BYTES), ("PNDM", 1.0, 0)]
)
def test_a_recorded_batch_is_the_same(
    scheduler: str,
    guidance: float,
    slot_bytes: int,
    checkpoint: Checkpoint,
    loras: Mapping[str, Lora],
) -> None:
    sampling = replace(SAMPLING, scheduler=scheduler, guidance=guidance)
    taken = latents_of(checkpoint, PLANS, loras, sampling, slot_bytes)
    ran: list[int] = []
    with rows_of_unet(checkpoint, ran.append):
        played = latents_of(checkpoint, PLANS, loras, sampling, slot_bytes, traced)
    assert len(ran) == 2  # once as ever and once to be recorded
    assert (played - taken).abs().max() < 1e-4


def test_what_cannot_be_recorded_is_done_step_by_step(checkpoint: Checkpoint) -> None:
    tried: list[int] = []

    def fails(_work: Work, rows: Tensor, _timestep: Tensor) -> Callable[[], Tensor]:
        tried.append(len(rows))
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    plans = [plan(0, {}), plan(1, {})]
    assert torch.equal(
        latents_of(checkpoint, plans, {}, record=fails), latents_of(checkpoint, plans, {})
    )
    assert tried == [4]


def test_lacking_memory_is_told() -> None:
    def full(_work: Work, _rows: Tensor, _timestep: Tensor) -> Callable[[], Tensor]:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    recorded = Recorded(torch.add, full)
    recorded(torch.ones(2), torch.ones(2))
    with pytest.raises(torch.OutOfMemoryError):
        recorded(torch.ones(2), torch.ones(2))
