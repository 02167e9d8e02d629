"""Adapters' numbers on their way to the device."""

import torch
from torch import Tensor


class Upload:
    """Takes a file's numbers to the device in one piece, when the first of them is asked for.

    A file has hundreds of small tensors, and each way to a GPU costs as much as the numbers of
    many. What is there stays for as long as this does.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._files: dict[tuple[int, torch.dtype], Tensor] = {}

    def __call__(self, tensor: Tensor) -> Tensor:
        """The tensor on the device."""
        storage = tensor.untyped_storage()
        key = storage.data_ptr(), tensor.dtype
        if key not in self._files:
            whole = tensor.new_empty(0).set_(storage)
            self._files[key] = whole.to(self._device, non_blocking=True)
        return self._files[key].as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
