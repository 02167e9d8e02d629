"""The denoiser's orders to the GPU, recorded once a batch and played back step after step.

A fast GPU waits for Python: a UNet is more than a thousand orders a step, and an adapter set for
each image adds some. Over the steps of a batch shapes, weights and adapters stay as they are, so
the orders do, too. The first step is taken as ever, the second is recorded as a CUDA graph, and
from there on the recording is played. It ends with its batch, so that whatever adapters come
next, nothing has to be compiled for them: that is why this is no `torch.compile`, which the next
adapters' layers and shapes send back to its beginning (see BENCHMARKS.md).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from engine.operations.log import get_log

log = get_log("renderer")

#: What is done in every step, from latents and a timestep to a prediction.
Work = Callable[[Tensor, Tensor], Tensor]
#: Records what the work does with two tensors; what it returns does the same with what they hold
#: by then, and gives one and the same tensor each time.
Record = Callable[[Work, Tensor, Tensor], Callable[[], Tensor]]


def record_cuda(work: Work, rows: Tensor, timestep: Tensor) -> Callable[[], Tensor]:
    """A `Record` by CUDA graphs."""
    with torch.cuda.device(rows.device):  # each thread has the first GPU until it is told
        before = torch.cuda.current_stream()
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads may go on: adapters are read into pinned memory meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                prediction = work(rows, timestep)
        finally:
            torch.cuda.set_stream(before)  # torch stays on its own where a recording fails

    def play() -> Tensor:
        graph.replay()
        return prediction

    return play


class Recorded:
    """Work on tensors of the same shapes each time. Where it cannot be recorded it is just done."""

    def __init__(self, work: Work, record: Record) -> None:
        self._work = work
        self._record: Record | None = record
        self._inputs: tuple[Tensor, Tensor] | None = None
        self._play: Callable[[], Tensor] | None = None

    def __call__(self, rows: Tensor, timestep: Tensor) -> Tensor:
        """What the work gives for them."""
        if self._record is None:
            return self._work(rows, timestep)
        if self._inputs is None:  # libraries choose their kernels when these are first used
            # Some schedulers keep their timesteps here; a recording reads the device's memory only.
            self._inputs = rows.clone(), timestep.to(rows.device, copy=True)
            return self._work(rows, timestep)
        for own, new in zip(self._inputs, (rows, timestep), strict=True):
            own.copy_(new)
        if self._play is None:
            try:
                self._play = self._record(self._work, *self._inputs)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError:
                log.exception(
                    "a step of the denoiser cannot be recorded; the batch goes on without"
                )
                self._record = None
                return self._work(rows, timestep)
        # The next step overwrites it, and some schedulers look back.
        return self._play().clone()
