"""How many images go through the denoiser at once, learnt from running out of memory."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.errors import RenderFailed, Unavailable
from engine.values import Sampling

#: What says that memory is lacking, where torch has no error of its own: its allocator for the CPU,
#: what asks the driver past torch's allocator, and libraries, which want some when first used and
#: for a convolution (cuDNN then finds no way to do it).
_LACKING = (
    "can't allocate memory",
    "CUDA error: out of memory",
    "_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "unable to find an engine to execute this computation",
)
#: What libraries say through torch of a device that has gone.
_LOST = ("CUDA error", "CUBLAS_STATUS_EXECUTION_FAILED", "CUDNN_STATUS_EXECUTION_FAILED")


class OutOfMemory(RenderFailed):
    """The device has too little memory for what was tried."""


class DeviceLost(Unavailable):
    """The device does not answer any more; only a new process can use it again."""


@contextmanager
def mapped() -> Iterator[None]:
    """Turns torch's errors about memory and device into ours."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory("The device has too little memory.") from error
    except RuntimeError as error:  # torch.AcceleratorError is one
        if any(words in str(error) for words in _LACKING):
            raise OutOfMemory("This machine has too little memory.") from error
        if isinstance(error, torch.AcceleratorError) or any(w in str(error) for w in _LOST):
            raise DeviceLost(
                "The GPU does not answer any more; its process starts again."
            ) from error
        raise


class Room:
    """The largest batches that are known to fit."""

    def __init__(self, images: int) -> None:
        """`images` is the most that are ever rendered at once."""
        self._most = images
        self._learnt: dict[tuple[int, int], int] = {}

    def images(self, sampling: Sampling) -> int:
        """How many images of that size may go through the denoiser at once."""
        return self._learnt.get((sampling.width, sampling.height), self._most)

    def shrink(self, sampling: Sampling, tried: int) -> None:
        """Remembers that so many did not fit. Raises OutOfMemory where it was a single image."""
        if tried == 1:
            raise OutOfMemory(
                f"There is too little memory for an image of {sampling.width}x{sampling.height}: "
                "ask for a smaller size."
            )
        self._learnt[sampling.width, sampling.height] = tried // 2


def gpu_memory(device: torch.device) -> tuple[int, int] | None:
    """Bytes of the GPU that are used, by whomever, and all of them; None for no GPU.

    Raises DeviceLost.
    """
    if device.type != "cuda":
        return None
    with mapped():
        free, all_ = torch.cuda.mem_get_info(device)
    return all_ - free, all_


def gpu_name(device: torch.device) -> str:
    """What the GPU calls itself; empty for no GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else ""


def release(error: BaseException | None = None) -> None:
    """Gives memory back that nothing uses any more, or only the frames that an error came through:
    its traceback, which it loses, holds on to all of their tensors."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
