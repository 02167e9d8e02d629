"""One toy checkpoint for all tests here; it is left as it was by each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.rendering.checkpoint import Checkpoint, load_checkpoint
from engine.rendering.layers import Layers, layers_of

from .toys import write_checkpoint


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Toy layers are too small to be divided; two threads wait longer than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers folder."""
    folder = tmp_path_factory.mktemp("toy")
    write_checkpoint(folder)
    return folder / "model"


@pytest.fixture(scope="session")
def checkpoint(model_folder: Path) -> Checkpoint:
    return load_checkpoint("toy", str(model_folder), "cpu")


@pytest.fixture(scope="session")
def layers(checkpoint: Checkpoint) -> Layers:
    return layers_of(checkpoint)
