"""Adapters go to the device a file at a time; "meta" stands for one that is not this machine."""

from pathlib import Path

import pytest
import torch

from engine.rendering.adapters import SLOT_BYTES, Use, applied
from engine.rendering.base_models import SD15
from engine.rendering.bench_change import Asked
from engine.rendering.bench_formats import skeleton
from engine.rendering.lora_file import read_lora
from engine.rendering.random_loras import trained_layers, write_random
from engine.rendering.upload import Upload


@pytest.mark.parametrize("slot_bytes", [0, SLOT_BYTES])
def test_a_batch_of_hundreds_of_layers_sends_each_file_once(
    slot_bytes: int, tmp_path: Path
) -> None:
    layers = skeleton(SD15)
    names = [name for name in trained_layers(layers) if ".attn1.to_" in name]
    files = [write_random(layers, names, 2, tmp_path / str(number)) for number in range(2)]
    first, second = [Use(read_lora(file, layers, "it"), 0.8) for file in files]
    images = [[first], [first, second]]
    with torch.inference_mode(), Asked() as asked, applied(layers, images, slot_bytes):
        pass
    assert len(names) == 64
    # The two files, and the weights of their masks.
    assert asked.copies == 3


def test_numbers_stay_what_they_are() -> None:
    data = torch.arange(24, dtype=torch.float16)
    upload = Upload(torch.device("cpu"))
    for tensor in (data[4:16].view(3, 4), data[16:].view(4, 2).T, data[:4]):
        assert torch.equal(upload(tensor), tensor)
