"""Jobs of several people in one batch: what goes wrong with one hurts no other."""

import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageChops
from torch import Tensor, nn

from engine.errors import BadOption, RenderFailed, RequestCancelled
from engine.rendering.batcher import Batcher
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.job import Batch, Job, Outcome
from engine.rendering.layers import Layers
from engine.rendering.lora_cache import LoraCache
from engine.rendering.memory import DeviceLost, OutOfMemory, mapped
from engine.rendering.renderer import Renderer
from engine.rendering.start import Start
from engine.values import ImagePlan, PlannedAdapter

from .test_start import half, picture
from .toys import SAMPLING, batch_of, kohya, plan, random_parts, save

ADA = (plan(0, {"ink": 1.0}, "a fox"), plan(1, {}, "a fox"))
BOB = (plan(0, {}, "a cat", seed=7), plan(1, {"ink": 0.5}, "a cat", seed=8))


@pytest.fixture(autouse=True)
def files(tmp_path: Path, layers: Layers) -> Path:
    parts = random_parts(
        layers, ("unet.conv_in", "unet.mid_block.attentions.0.proj_in"), alpha=20.0
    )
    save(tmp_path / "ink", kohya(parts))
    return tmp_path


@pytest.fixture
def fetch(files: Path) -> Any:
    def fetch(adapter: PlannedAdapter) -> Path:
        return files / adapter.adapter_id

    return fetch


@contextmanager
def rows_of_unet(checkpoint: Checkpoint, told: Any) -> Iterator[None]:
    """Tells how many rows every call of the UNet has; what is raised goes through."""
    hook = checkpoint.unet.register_forward_pre_hook(lambda _unet, args: told(len(args[0])))
    try:
        yield
    finally:
        hook.remove()


def raising(error: Exception) -> Callable[..., Any]:
    """What torch does once its device lacks something."""

    def fails(*_args: object, **_options: object) -> None:
        raise error

    return fails


def images(outcome: Outcome) -> list[Image.Image]:
    assert isinstance(outcome, Batch), outcome
    return [one.image for one in outcome.images]


def alike(some: Sequence[Image.Image], others: Sequence[Image.Image]) -> bool:
    """Equal up to what another order of summing changes."""
    pairs = zip(some, others, strict=True)
    apart = [np.asarray(ImageChops.difference(*pair)).max() for pair in pairs]
    return bool(max(apart) <= 1)


def test_jobs_share_one_batch_and_get_their_own_images(checkpoint: Checkpoint, fetch: Any) -> None:
    renderer = Renderer(checkpoint)
    rows: set[int] = set()
    steps: list[tuple[str, int, int]] = []
    seen: list[Tensor] = []
    jobs = [
        Job(SAMPLING, ADA, fetch, on_step=lambda done, all_: steps.append(("ada", done, all_))),
        Job(SAMPLING, BOB, fetch, on_latents=seen.append),
    ]
    with rows_of_unet(checkpoint, rows.add):
        ada, bob = renderer.render(jobs)
    assert rows == {8}
    assert isinstance(ada, Batch)
    assert [len(one.loaded) for one in ada.images] == [1, 0]
    assert steps == [("ada", n + 1, 4) for n in range(4)]
    assert [len(latents) for latents in seen] == [2] * 4
    for outcome, plans in ((ada, ADA), (bob, BOB)):
        alone = batch_of(renderer, Job(SAMPLING, plans, fetch))
        assert alike(images(outcome), [one.image for one in alone.images])
        assert isinstance(outcome, Batch)
        assert [one.loaded for one in outcome.images] == [one.loaded for one in alone.images]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_latents_are_told_in_the_order_of_the_plans(
    order: tuple[int, int], checkpoint: Checkpoint, fetch: Any
) -> None:
    """However images with the same adapters are put beside each other."""
    seen: list[Tensor] = []
    plans = [BOB[n] for n in order]
    batch_of(Renderer(checkpoint), Job(SAMPLING, plans, fetch, on_latents=seen.append))
    alone: list[Tensor] = []
    for one in plans:
        batch_of(Renderer(checkpoint), Job(SAMPLING, [one], fetch, on_latents=alone.append))
    assert (seen[0] - torch.cat([alone[0], alone[4]])).abs().max() < 1e-4


def test_only_jobs_that_agree_are_company(fetch: Any) -> None:
    job = Job(SAMPLING, ADA, fetch)
    assert job.company == Job(SAMPLING, BOB, fetch).company
    others = [
        replace(job, sampling=replace(SAMPLING, steps=5)),
        replace(job, sampling=replace(SAMPLING, width=32)),
        replace(job, start=Start(picture(), 0.5)),
        replace(job, start=Start(picture(), 0.6)),
        replace(job, alone="r1"),
    ]
    assert len({one.company for one in [job, *others]}) == 6
    masked = replace(job, start=Start(picture(), 0.5, half()))
    assert masked.company == others[2].company


def test_one_starts_from_a_picture_with_a_mask_and_the_other_without(
    checkpoint: Checkpoint, fetch: Any
) -> None:
    renderer = Renderer(checkpoint)
    masked = Job(SAMPLING, ADA, fetch, start=Start(picture(), 0.5, half()))
    whole = Job(SAMPLING, BOB, fetch, start=Start(picture(), 0.5))
    together = renderer.render([masked, whole])
    for outcome, job in zip(together, (masked, whole), strict=True):
        assert alike(images(outcome), [one.image for one in batch_of(renderer, job).images])


def test_a_cancelled_job_stops_no_other(checkpoint: Checkpoint, fetch: Any) -> None:
    renderer = Renderer(checkpoint)
    done: list[int] = []
    cancelled = Job(
        SAMPLING, ADA, fetch, on_step=lambda n, _: done.append(n), cancelled=lambda: 2 in done
    )
    ada, bob = renderer.render([cancelled, Job(SAMPLING, BOB, fetch)])
    assert isinstance(ada, RequestCancelled)
    assert alike(images(bob), images(renderer.render([Job(SAMPLING, BOB, fetch)])[0]))


def test_a_wrong_weight_hurts_only_its_own_job(checkpoint: Checkpoint, fetch: Any) -> None:
    wrong = Job(SAMPLING, [plan(0, {"ink": 7.0})], fetch)
    ada, bob = Renderer(checkpoint).render([wrong, Job(SAMPLING, BOB, fetch)])
    assert isinstance(ada, BadOption)
    assert len(images(bob)) == 2


def test_without_memory_the_batch_is_split_and_the_limit_is_remembered(
    checkpoint: Checkpoint, fetch: Any
) -> None:
    tried: list[int] = []
    steps: list[tuple[int, int]] = []

    def small_device(rows: int) -> None:
        tried.append(rows)
        if rows > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    renderer = Renderer(checkpoint)
    whole = [images(one) for one in renderer.render([Job(SAMPLING, p, fetch) for p in (ADA, BOB)])]
    jobs = [
        Job(SAMPLING, ADA, fetch, on_step=lambda *step: steps.append(step)),
        Job(SAMPLING, BOB, fetch),
    ]
    with rows_of_unet(checkpoint, small_device):
        parts = [images(one) for one in renderer.render(jobs)]
        assert tried == [8] + [4] * 8
        assert steps == [(n + 1, 8) for n in range(8)]
        renderer.render([Job(SAMPLING, ADA, fetch), Job(SAMPLING, BOB, fetch)])
        assert tried == [8] + [4] * 16
    assert all(alike(part, own) for part, own in zip(parts, whole, strict=True))


def test_what_ran_out_of_memory_is_let_go_of_before_anything_else_is_tried(
    checkpoint: Checkpoint, fetch: Any
) -> None:
    """An error that is being handled holds the tensors of all frames that it came through."""
    begun: list[weakref.ref[Tensor]] = []
    left: list[int] = []

    def small_device(_unet: nn.Module, args: tuple[Tensor, ...]) -> None:
        begun.append(weakref.ref(args[0]))
        if len(begun) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    def spare() -> bool:
        left.append(sum(ref() is not None for ref in begun))
        return True

    hook = checkpoint.unet.register_forward_pre_hook(small_device)
    (outcome,) = Renderer(checkpoint, spare=spare).render([Job(SAMPLING, ADA, fetch)])
    hook.remove()
    assert len(images(outcome)) == 2
    assert left == [0]


def test_an_image_that_does_not_fit_alone(checkpoint: Checkpoint, fetch: Any) -> None:
    def full(_rows: int) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate ...")

    with rows_of_unet(checkpoint, full):
        ada, bob = Renderer(checkpoint).render([Job(SAMPLING, p, fetch) for p in (ADA, BOB)])
    for outcome in (ada, bob):
        assert str(outcome) == (
            "There is too little memory for an image of 16x16: ask for a smaller size."
        )


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasSgemm(...)"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    ],
)
def test_a_lost_device_is_told_from_other_errors(
    checkpoint: Checkpoint, fetch: Any, error: RuntimeError
) -> None:
    def lost(_rows: int) -> None:
        raise error

    with (
        rows_of_unet(checkpoint, lost),
        pytest.raises(DeviceLost, match="GPU does not answer any more"),
    ):
        Renderer(checkpoint).render([Job(SAMPLING, ADA, fetch)])


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling cublasCreate(handle)"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("GET was unable to find an engine to execute this computation"),
    ],
)
def test_lacking_memory_is_no_lost_device(error: RuntimeError) -> None:
    with pytest.raises(OutOfMemory), mapped():
        raise error


def test_a_device_that_is_lost_while_adapters_are_read(
    checkpoint: Checkpoint, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the adapter's fault as little as the request's: nothing is skipped, nothing fails."""
    renderer = Renderer(checkpoint)
    job = Job(SAMPLING, ADA, fetch)
    monkeypatch.setattr(torch, "aminmax", raising(torch.AcceleratorError("CUDA error: gone")))
    renderer.warm(job)
    with pytest.raises(DeviceLost):
        renderer.render([job])


def test_an_adapter_without_memory_for_it_is_skipped(
    checkpoint: Checkpoint, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = torch.AcceleratorError("CUDA error: out of memory")
    monkeypatch.setattr(torch, "aminmax", raising(full))
    batch = batch_of(Renderer(checkpoint), Job(SAMPLING, ADA, fetch))
    assert len(batch.images) == 2
    assert "too little memory" in batch.images[0].skipped[0].reason


class Blind(nn.Module):
    """Loses the numbers of one row of a layer's output."""

    def __init__(self, row: int) -> None:
        super().__init__()
        self.row = row

    def __call__(self, _module: nn.Module, _args: object, output: Tensor) -> Tensor:
        broken = output.clone()
        broken[self.row] = float("nan")
        return broken


def test_an_image_that_loses_its_numbers_fails_alone(checkpoint: Checkpoint, fetch: Any) -> None:
    jobs = [Job(SAMPLING, ADA, fetch), Job(SAMPLING, [plan(5, {"ink": 2.0})], fetch)]
    renderer = Renderer(checkpoint)
    whole = [images(one) for one in renderer.render(jobs)]
    # By adapters the order is: without any, with 1.0, with 2.0; two rows each.
    unet: Any = checkpoint.unet
    hook = unet.conv_out.register_forward_hook(Blind(5))
    ada, other = renderer.render(jobs)
    hook.remove()
    assert alike(images(ada), whole[0])
    assert isinstance(other, RenderFailed)
    assert str(other).startswith("Image 6 lost its numbers")
    hook = unet.conv_out.register_forward_hook(Blind(1))
    ada, other = renderer.render(jobs)
    hook.remove()
    assert isinstance(ada, Batch)
    assert [one.index for one in ada.images] == [0]
    assert ada.failures == (
        "Image 2 lost its numbers while it was denoised: lower the adapters' weights "
        "or the guidance.",
    )
    assert alike(images(other), whole[1])


class Stove:
    """A slow renderer that tells what it was given together."""

    def __init__(self) -> None:
        self.given: list[list[int]] = []
        self.busy, self.go = threading.Event(), threading.Event()

    def __call__(self, jobs: Sequence[Job]) -> list[Outcome]:
        self.given.append([job.plans[0].seed for job in jobs])
        self.busy.set()
        assert self.go.wait(60)
        if any(job.plans[0].seed == 13 for job in jobs):
            raise DeviceLost("The GPU does not answer any more.")
        return [Batch((), (), 0.0, float(job.plans[0].seed)) for job in jobs]


def job(seed: int, count: int = 2, steps: int = 4) -> Job:
    plans: list[ImagePlan] = [replace(plan(index, {}), seed=seed) for index in range(count)]
    return Job(replace(SAMPLING, steps=steps), plans, lambda _: Path())


def test_jobs_gather_while_others_are_rendered_and_the_oldest_goes_first() -> None:
    stove = Stove()
    batcher = Batcher(stove, images=6, wait_seconds=0.0)
    outcomes = [batcher.submit(job(1))]
    assert stove.busy.wait(60)
    outcomes += [batcher.submit(one) for one in (job(2, steps=9), job(3), job(4), job(5, steps=9))]
    outcomes += [batcher.submit(one) for one in (job(6, 3), job(7, 2))]
    stove.go.set()
    batcher.close()
    # 6 has too many images for the company of 3 and 4, and 7 takes the place.
    assert stove.given == [[1], [2, 5], [3, 4, 7], [6]]
    seconds = [getattr(outcome.result(), "render_seconds", None) for outcome in outcomes]
    assert seconds == [1, 2, 3, 4, 5, 6, 7]


def of_seed(*seeds: int) -> Callable[[Job], bool]:
    return lambda job: job.plans[0].seed in seeds


@pytest.mark.parametrize(("patience", "order"), [(60.0, [1, 3, 2]), (0.0, [1, 2, 3])])
def test_a_warm_job_goes_before_older_ones_that_are_not(patience: float, order: list[int]) -> None:
    stove = Stove()
    batcher = Batcher(stove, 4, 0.0, is_warm=of_seed(3), patience_seconds=patience)
    batcher.submit(job(1))
    assert stove.busy.wait(60)
    for one in (job(2, steps=9), job(3, steps=5)):
        batcher.submit(one)
    stove.go.set()
    batcher.close()
    assert stove.given == [[seed] for seed in order]


def test_warm_jobs_that_never_end_delay_a_cold_one_no_longer_than_set() -> None:
    came: list[float] = []

    def serve(jobs: Sequence[Job]) -> list[Outcome]:
        if jobs[0].plans[0].seed == 2:
            came.append(time.monotonic())
        elif not came:
            batcher.submit(job(3, steps=5))
        return [Batch((), (), 0.0, 0.0) for _ in jobs]

    batcher = Batcher(serve, 4, 0.0, is_warm=of_seed(1, 3), patience_seconds=0.2)
    for seed in (1, 3):  # one is always there when the next is chosen
        batcher.submit(job(seed, steps=5))
    began = time.monotonic()
    batcher.submit(job(2, steps=9)).result(60)  # though the others never end
    batcher.close()
    assert came[0] - began > 0.19


def test_what_is_in_memory_is_warm(checkpoint: Checkpoint, fetch: Any) -> None:
    cache = LoraCache(2**30)
    renderer = Renderer(checkpoint, cache)
    plain, unknown = [Job(SAMPLING, (BOB[n],), fetch) for n in (0, 1)]
    assert renderer.is_warm(plain)
    assert not renderer.is_warm(unknown), "nobody keeps a file that has no hash"
    digest = sha256(fetch(BOB[1].adapters[0]).read_bytes()).hexdigest()
    pinned = replace(BOB[1], adapters=(replace(BOB[1].adapters[0], sha256=digest),))
    inked = Job(SAMPLING, (pinned,), fetch)
    assert not renderer.is_warm(inked)
    assert (cache.hits, cache.misses) == (0, 0), "looking is no use"
    renderer.warm(inked)
    assert renderer.is_warm(inked)


def test_a_job_waits_for_company_no_longer_than_set() -> None:
    stove = Stove()
    stove.go.set()
    patient = Batcher(stove, images=4, wait_seconds=120.0)
    both = [patient.submit(job(1)), patient.submit(job(2))]  # full: it goes at once
    assert [one.result(60) for one in both]
    alone = patient.submit(job(3))
    patient.close()  # nothing more comes
    alone.result(60)
    hasty = Batcher(stove, images=4, wait_seconds=0.01)
    assert hasty.submit(job(4)).result(60)
    hasty.close()
    assert stove.given == [[1, 2], [3], [4]]


def test_what_a_batch_dies_of_reaches_all_its_jobs_and_no_others() -> None:
    stove = Stove()
    stove.go.set()
    batcher = Batcher(stove, images=4, wait_seconds=120.0)
    lost = [batcher.submit(job(13)), batcher.submit(job(2))]
    for one in lost:
        with pytest.raises(DeviceLost):
            one.result(60)
    fine = batcher.submit(job(3, 4))
    assert isinstance(fine.result(60), Batch)
    batcher.close()
