"""Several checkpoints on one device: each renders, as many stay as fit, a bad one hurts none."""

import weakref
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.checkpoints import CheckpointSource
from engine.errors import BadLora, BadOption, CheckpointUnavailable
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.job import Batch, Job
from engine.rendering.layers import Layers
from engine.rendering.memory import DeviceLost
from engine.rendering.pool import Limits, Pool
from engine.rendering.renderer import Renderer
from engine.values import ImagePlan, PlannedAdapter

from .test_company import raising
from .toys import SAMPLING, batch_of, kohya, plan, random_parts, save, write_xl_checkpoint

ROOMY = Limits(adapters=2**20, slots=2**20, checkpoints=2**30, images=4)
TIGHT = replace(ROOMY, checkpoints=1)
PLANS = (plan(0, {"ink": 0.7}, "a fox"), plan(1, {}, "a fox"))


@pytest.fixture(scope="module")
def xl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("xl")
    write_xl_checkpoint(folder)
    return folder / "model"


@pytest.fixture
def sources(model_folder: Path, xl_folder: Path) -> list[CheckpointSource]:
    places = {"toy": model_folder, "xl": xl_folder, "gone": Path("/nowhere")}
    return [CheckpointSource(name, str(at), "cpu", "float32") for name, at in places.items()]


@pytest.fixture
def ink(layers: Layers, tmp_path: Path) -> Path:
    """An adapter for the layers of the first one."""
    names = ("unet.conv_in", "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k")
    return save(tmp_path / "ink", kohya(random_parts(layers, names, alpha=20.0)))


def job(
    checkpoint: str, file: Path, plans: Sequence[ImagePlan] = PLANS, draft: bool = False
) -> Job:
    def fetch(_adapter: PlannedAdapter) -> Path:
        return file

    return Job(replace(SAMPLING, checkpoint=checkpoint, draft=draft), plans, fetch)


def layers_in(pool: Pool, name: str) -> Layers:
    renderer = pool.model(name).renderer
    assert isinstance(renderer, Renderer)
    return renderer.layers


def rendered(pool: Pool, one: Job) -> Batch:
    (outcome,) = pool.render([one])
    assert isinstance(outcome, Batch), outcome
    return outcome


def test_each_job_is_rendered_on_its_own_checkpoint(
    sources: list[CheckpointSource], ink: Path, checkpoint: Checkpoint
) -> None:
    pool = Pool(sources, ROOMY)
    assert pool.loaded == []
    first = rendered(pool, job("toy", ink))
    other = rendered(pool, job("xl", ink))
    assert pool.loaded == ["toy", "xl"]
    alone = batch_of(Renderer(checkpoint), job("toy", ink))
    pixels = [[one.image.tobytes() for one in batch.images] for batch in (first, other, alone)]
    assert pixels[0] == pixels[2]
    assert pixels[0] != pixels[1]
    assert len(first.images[0].loaded) == 1
    # The same adapter is none for another family: skipped by name, and the image is made.
    assert "3 keys that fit no layer of xl" in other.images[0].skipped[0].reason


def test_what_was_unused_for_longest_goes_where_there_is_no_room(
    sources: list[CheckpointSource], ink: Path
) -> None:
    pool = Pool(sources, TIGHT)
    first = weakref.ref(layers_in(pool, "toy").modules["unet.conv_in"])
    before = rendered(pool, job("toy", ink)).images[1].image.tobytes()
    assert pool.loaded == ["toy"]
    rendered(pool, job("xl", ink))
    assert pool.loaded == ["xl"]
    assert first() is None  # nothing holds on to its memory
    assert rendered(pool, job("toy", ink)).images[1].image.tobytes() == before


def test_what_is_in_memory_is_announced(sources: list[CheckpointSource], ink: Path) -> None:
    pool = Pool(sources, ROOMY)
    sha = sha256(ink.read_bytes()).hexdigest()
    (known,) = PLANS[0].adapters
    hashed = replace(PLANS[0], adapters=(replace(known, sha256=sha),))
    assert (pool.equipment().checkpoints, pool.equipment().adapters) == ((), ())
    assert rendered(pool, job("toy", ink, [hashed])).images[0].loaded
    pool.model("xl")
    has = pool.equipment()
    assert has.checkpoints == ("toy", "xl")
    assert has.adapters == (sha,)


def test_a_checkpoint_that_cannot_be_loaded_fails_its_own_jobs(
    sources: list[CheckpointSource], ink: Path
) -> None:
    pool = Pool(sources, ROOMY)
    outcomes = pool.render([job("gone", ink), job("gone", ink)])
    for outcome in outcomes:
        assert isinstance(outcome, CheckpointUnavailable)
        assert str(outcome).startswith("Checkpoint “gone” is not at /nowhere")
    assert rendered(pool, job("toy", ink)).images


def test_a_batch_without_room_takes_that_of_other_checkpoints_before_it_is_split(
    sources: list[CheckpointSource], ink: Path
) -> None:
    pool = Pool(sources, ROOMY)
    rendered(pool, job("xl", ink))
    first = layers_in(pool, "toy").modules["unet.conv_in"]
    rows: list[int] = []

    def crowded(_module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        rows.append(len(args[0]))
        if "xl" in pool.loaded:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = first.register_forward_pre_hook(crowded)
    assert len(rendered(pool, job("toy", ink)).images) == 2
    hook.remove()
    assert pool.loaded == ["toy"]
    assert set(rows) == {4}


def test_a_checkpoint_without_room_takes_that_of_others(
    sources: list[CheckpointSource], ink: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool(sources, ROOMY)
    pool.model("toy")
    to = nn.Module.to

    def crowded(module: nn.Module, *args: Any, **options: Any) -> nn.Module:
        if "toy" in pool.loaded:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return to(module, *args, **options)

    monkeypatch.setattr(nn.Module, "to", crowded)
    assert rendered(pool, job("xl", ink)).images
    assert pool.loaded == ["xl"]


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("full"), torch.AcceleratorError("gone")])
def test_a_device_that_takes_no_checkpoint(
    error: RuntimeError,
    sources: list[CheckpointSource],
    ink: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nn.Module, "to", raising(error))
    pool = Pool(sources, ROOMY)
    if isinstance(error, torch.AcceleratorError):  # no request's fault: another process goes on
        with pytest.raises(DeviceLost):
            pool.render([job("toy", ink)])
        return
    (outcome,) = pool.render([job("toy", ink)])
    assert str(outcome) == (
        "There is too little memory for the checkpoint “toy”: choose another one."
    )


def test_a_proposed_file_is_tried_on_all_of_them(
    sources: list[CheckpointSource], ink: Path, tmp_path: Path
) -> None:
    pool = Pool(sources[:2], ROOMY)
    assert pool.examine(ink, "ink")[1] == "stylus-small"
    layers = layers_in(pool, "xl")
    names = [name for name in layers.modules if name.endswith("attn2.to_k")]
    large = save(tmp_path / "large", kohya(random_parts(layers, names)))
    assert pool.examine(large, "large")[1] == "sdxl"
    with pytest.raises(BadLora, match="“none” is not a safetensors file"):
        (tmp_path / "none").write_bytes(b"GIF89a")
        pool.examine(tmp_path / "none", "none")


def test_a_draft_has_the_few_step_adapter_in_every_image(
    sources: list[CheckpointSource], ink: Path, layers: Layers, tmp_path: Path
) -> None:
    names = ("unet.conv_out", "unet.conv_in")
    quick = save(tmp_path / "quick", kohya(random_parts(layers, names, alpha=9.0, seed=3)))
    files = {"ink": ink, "quick": quick}
    pool = Pool(sources, ROOMY, {"toy": quick})
    made = rendered(pool, job("toy", ink, draft=True))
    by_hand = [plan(0, {"ink": 0.7, "quick": 1.0}, "a fox"), plan(1, {"quick": 1.0}, "a fox")]
    expected = rendered(pool, replace(job("toy", ink, by_hand), fetch=lambda a: files[a.title]))
    pixels = [[one.image.tobytes() for one in batch.images] for batch in (made, expected)]
    assert pixels[0] == pixels[1]
    full = rendered(pool, job("toy", ink))
    assert all(a != b.image.tobytes() for a, b in zip(pixels[0], full.images, strict=True))
    (refused,) = pool.render([job("xl", ink, draft=True)])
    assert isinstance(refused, BadOption)
    assert str(refused) == "Checkpoint “xl” has no adapter for drafts; ask without a draft."


def test_a_draft_without_its_file_fails_with_a_sentence(
    sources: list[CheckpointSource], ink: Path, tmp_path: Path
) -> None:
    (outcome,) = Pool(sources, ROOMY, {"toy": tmp_path / "away"}).render(
        [job("toy", ink, draft=True)]
    )
    assert isinstance(outcome, BadLora)
    assert "The file of “the adapter for drafts of toy” cannot be read" in str(outcome)
