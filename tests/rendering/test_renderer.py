"""Plans become images, with what was really loaded; what cannot be loaded is skipped."""

import hashlib
import threading
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.errors import BadOption, RequestCancelled, StorageUnavailable
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.job import Batch, Job
from engine.rendering.layers import Layers
from engine.rendering.loading import Loader
from engine.rendering.lora_cache import LoraCache
from engine.rendering.lora_file import Lora, pinned_bytes
from engine.rendering.lora_parts import Factors
from engine.rendering.renderer import Renderer
from engine.values import ImagePlan, LoadedAdapter, PlannedAdapter

from .toys import SAMPLING, batch_of, kohya, plan, random_parts, save

LAYERS = {"ink": ("unet.conv_in", "unet.conv_out"), "neon": ("unet.mid_block.resnets.0.conv1",)}


class Shelf:
    """A folder of adapter files that counts what is fetched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetched: list[str] = []
        self.withheld = "away"

    def fetch(self, adapter: PlannedAdapter) -> Path:
        self.fetched.append(adapter.adapter_id)
        if adapter.adapter_id == self.withheld:
            raise StorageUnavailable("The blob store does not answer: try again later.")
        return self.folder / adapter.adapter_id

    def sha256(self, name: str) -> str:
        return hashlib.sha256((self.folder / name).read_bytes()).hexdigest()


@pytest.fixture
def shelf(tmp_path: Path, layers: Layers) -> Shelf:
    for seed, (name, names) in enumerate(LAYERS.items()):
        save(tmp_path / name, kohya(random_parts(layers, names, alpha=20.0, seed=seed)))
    return Shelf(tmp_path)


def _render(renderer: Renderer, shelf: Shelf, plans: Sequence[ImagePlan]) -> Batch:
    return batch_of(renderer, Job(SAMPLING, plans, shelf.fetch))


def _pinned(one: ImagePlan, sha256: str) -> ImagePlan:
    return replace(one, adapters=tuple(replace(a, sha256=sha256) for a in one.adapters))


def _pixels(batch: Batch) -> list[bytes]:
    return [rendered.image.tobytes() for rendered in batch.images]


def test_what_was_loaded_comes_back(checkpoint: Checkpoint, shelf: Shelf) -> None:
    plans = [plan(4, {"ink": 0.5, "neon": 1.0}, seed=9), plan(5, {"neon": -0.5}), plan(6, {})]
    batch = _render(Renderer(checkpoint), shelf, plans)
    ink = LoadedAdapter("ink", shelf.sha256("ink"), 0.5, 2)
    neon = LoadedAdapter("neon", shelf.sha256("neon"), 1.0, 1)
    assert [image.index for image in batch.images] == [4, 5, 6]
    assert batch.images[0].plan.seed == 9
    assert [image.loaded for image in batch.images] == [
        (ink, neon),
        (replace(neon, weight=-0.5),),
        (),
    ]
    assert all(image.image.size == (16, 16) for image in batch.images)
    assert batch.load_seconds > 0
    assert batch.render_seconds > 0


def test_the_same_plans_give_the_same_bits(checkpoint: Checkpoint, shelf: Shelf) -> None:
    plans = [plan(0, {"ink": 1.0}), plan(1, {"neon": 1.0})]
    renderer = Renderer(checkpoint)
    first = _pixels(_render(renderer, shelf, plans))
    _render(renderer, shelf, [plan(0, {"neon": 2.0}, "something else")])
    assert _pixels(_render(renderer, shelf, plans)) == first
    assert _pixels(_render(Renderer(checkpoint), shelf, plans)) == first
    assert first[0] != _pixels(_render(renderer, shelf, [plan(0, {})]))[0]


def test_an_adapter_that_is_away_is_skipped_and_the_others_stay(
    checkpoint: Checkpoint, shelf: Shelf
) -> None:
    renderer = Renderer(checkpoint)
    batch = _render(renderer, shelf, [plan(0, {"away": 1.0, "ink": 0.7}), plan(1, {"away": 0.2})])
    for image in batch.images:
        (skipped,) = image.skipped
        assert (skipped.adapter_id, skipped.title) == ("away", "away")
        assert skipped.reason == "The blob store does not answer: try again later."
    assert batch.images[0].loaded == (LoadedAdapter("ink", shelf.sha256("ink"), 0.7, 2),)
    expected = _render(renderer, shelf, [plan(0, {"ink": 0.7}), plan(1, {})])
    assert _pixels(batch) == _pixels(expected)


def test_weights_are_those_of_the_plan_without_what_is_away(
    checkpoint: Checkpoint, shelf: Shelf
) -> None:
    renderer = Renderer(checkpoint)
    asked = [plan(0, {"away": 0.5, "ink": 0.5}, "a fox, away"), plan(1, {"ink": 0.5}, "a fox")]
    lost: list[set[str]] = []

    def without(one: ImagePlan, ids: Collection[str]) -> ImagePlan:
        lost.append(set(ids))
        return plan(one.index, {"ink": 1.0}, "a fox")

    batch = batch_of(renderer, Job(SAMPLING, asked, shelf.fetch, without=without))
    assert lost == [{"away"}]  # the other image loses nothing
    expected = _render(renderer, shelf, [plan(0, {"ink": 1.0}, "a fox"), asked[1]])
    assert _pixels(batch) == _pixels(expected)
    assert [one.plan.prompt for one in batch.images] == ["a fox", "a fox"]
    assert [[a.weight for a in one.loaded] for one in batch.images] == [[1.0], [0.5]]
    assert [[a.title for a in one.skipped] for one in batch.images] == [["away"], []]


def test_a_file_with_another_hash_is_skipped(checkpoint: Checkpoint, shelf: Shelf) -> None:
    pinned = _pinned(plan(0, {"ink": 1.0}), "f" * 64)
    renderer = Renderer(checkpoint)
    for _ in range(2):  # the second time it could come from the cache
        (image,) = _render(renderer, shelf, [pinned]).images
        assert image.loaded == ()
        assert "is not the one that was catalogued" in image.skipped[0].reason
        assert shelf.sha256("ink")[:12] in image.skipped[0].reason


def test_a_broken_file_is_skipped(checkpoint: Checkpoint, shelf: Shelf) -> None:
    (shelf.folder / "ink").write_bytes(b"GIF89a")
    (image,) = _render(Renderer(checkpoint), shelf, [plan(0, {"ink": 1.0})]).images
    assert "“ink” is not a safetensors file" in image.skipped[0].reason


def test_a_known_hash_is_read_once_a_batch_and_then_kept(
    checkpoint: Checkpoint, shelf: Shelf
) -> None:
    renderer = Renderer(checkpoint)
    one = _pinned(plan(0, {"ink": 1.0}), shelf.sha256("ink"))
    two = [one, replace(one, index=1)]
    first = _render(renderer, shelf, two)
    assert shelf.fetched == ["ink"]
    (shelf.folder / "ink").unlink()
    assert _pixels(_render(renderer, shelf, two)) == _pixels(first)


def test_a_kept_adapter_may_still_be_withheld(checkpoint: Checkpoint, shelf: Shelf) -> None:
    renderer = Renderer(checkpoint)
    one = _pinned(plan(0, {"ink": 1.0}), shelf.sha256("ink"))
    assert _render(renderer, shelf, [one]).images[0].loaded
    shelf.withheld = "ink"
    (image,) = _render(renderer, shelf, [one]).images
    assert image.loaded == ()
    assert "does not answer" in image.skipped[0].reason


def test_without_room_in_the_cache_it_is_read_again(checkpoint: Checkpoint, shelf: Shelf) -> None:
    renderer = Renderer(checkpoint, LoraCache(0))
    one = _pinned(plan(0, {"ink": 1.0}), shelf.sha256("ink"))
    assert _render(renderer, shelf, [one]).images[0].loaded
    (shelf.folder / "ink").unlink()
    assert "cannot be read" in _render(renderer, shelf, [one]).images[0].skipped[0].reason


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 2.01, -2.01, 1e308])
def test_a_weight_that_nobody_means(weight: float, checkpoint: Checkpoint, shelf: Shelf) -> None:
    with pytest.raises(BadOption, match=r"“ink” has the weight .*: give a number from -2 to 2"):
        _render(Renderer(checkpoint), shelf, [plan(0, {"ink": weight})])


def test_bad_sampling_is_refused_before_anything_is_fetched(
    checkpoint: Checkpoint, shelf: Shelf
) -> None:
    with pytest.raises(BadOption, match="multiples of 2"):
        job = Job(replace(SAMPLING, width=17), [plan(0, {"ink": 1.0})], shelf.fetch)
        batch_of(Renderer(checkpoint), job)
    assert shelf.fetched == []


def test_a_cancelled_batch_leaves_the_model_as_it_was(checkpoint: Checkpoint, shelf: Shelf) -> None:
    renderer = Renderer(checkpoint)
    plain = _pixels(_render(renderer, shelf, [plan(0, {})]))
    told: list[int] = []
    with pytest.raises(RequestCancelled):
        job = Job(
            SAMPLING,
            [plan(0, {"ink": 1.0})],
            shelf.fetch,
            on_step=lambda done, _all: told.append(done),
            cancelled=lambda: len(told) == 2,
        )
        batch_of(renderer, job)
    assert told == [1, 2]
    assert _pixels(_render(renderer, shelf, [plan(0, {})])) == plain


def test_two_threads_do_not_disturb_each_other(checkpoint: Checkpoint, shelf: Shelf) -> None:
    renderer = Renderer(checkpoint)
    batches = [[plan(0, {"ink": 1.0})], [plan(0, {})], [plan(0, {"neon": 1.0}), plan(1, {})]]
    alone = [_pixels(_render(renderer, shelf, plans)) for plans in batches]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda plans: _render(renderer, shelf, plans), batches * 3))
    assert [_pixels(batch) for batch in together] == alone * 3


def _lora(sha256: str, numbers: int) -> Lora:
    return Lora(
        sha256, {"a": Factors(torch.zeros(1, numbers // 2), torch.zeros(numbers // 2, 1), 1.0)}
    )


@pytest.mark.parametrize(("asked", "pinned"), [(1, 1), (3, 4), (4, 4), (150 * 2**20, 256 * 2**20)])
def test_pinned_memory_counts_as_what_torch_takes(asked: int, pinned: int) -> None:
    assert pinned_bytes(asked) == pinned
    assert Lora("ink", {}, pinned).bytes == pinned


def test_the_cache_lets_go_of_what_was_unused_for_longest() -> None:
    cache = LoraCache(limit_bytes=100)
    for name in ("a", "b"):
        cache.put(("toy", name), _lora(name, 10))
    assert cache.bytes == 80
    assert cache.get(("toy", "a")) is not None
    assert cache.get(("other", "a")) is None
    cache.put(("toy", "c"), _lora("c", 10))
    assert cache.bytes == 80
    assert cache.get(("toy", "b")) is None
    assert cache.get(("toy", "a")) is not None
    cache.put(("toy", "a"), _lora("a", 10))
    assert cache.bytes == 80
    cache.put(("toy", "large"), _lora("large", 100))
    assert cache.bytes == 0


def test_adapters_are_read_while_others_are_rendered(checkpoint: Checkpoint, shelf: Shelf) -> None:
    renderer = Renderer(checkpoint)
    ink = _pinned(plan(0, {"ink": 1.0}), shelf.sha256("ink"))
    expected = _pixels(_render(Renderer(checkpoint), shelf, [ink]))

    def meanwhile(_done: int, _all: int) -> None:
        if shelf.fetched.count("ink") == 1:
            thread = threading.Thread(
                target=renderer.warm, args=(Job(SAMPLING, [ink], shelf.fetch),)
            )
            thread.start()
            thread.join(60)
            (shelf.folder / "ink").unlink()

    batch_of(renderer, Job(SAMPLING, [plan(0, {})], shelf.fetch, on_step=meanwhile))
    assert _pixels(_render(renderer, shelf, [ink])) == expected


def test_warming_stops_for_a_cancelled_job(checkpoint: Checkpoint, shelf: Shelf) -> None:
    both = plan(0, {"ink": 1.0, "neon": 1.0})
    pinned = replace(
        both, adapters=tuple(replace(a, sha256=shelf.sha256(a.title)) for a in both.adapters)
    )
    job = Job(SAMPLING, [pinned], shelf.fetch, cancelled=lambda: "ink" in shelf.fetched)
    Renderer(checkpoint).warm(job)
    assert shelf.fetched == ["ink"]


def test_one_file_is_read_once_however_many_want_it(layers: Layers, shelf: Shelf) -> None:
    loader = Loader(layers, LoraCache(2**20))
    job = Job(SAMPLING, [_pinned(plan(0, {"ink": 1.0}), shelf.sha256("ink"))], shelf.fetch)
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(loader.load, [job] * 8))
    assert len({id(adapters.loras["ink"]) for adapters in loaded}) == 1
