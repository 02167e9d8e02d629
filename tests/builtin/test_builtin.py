"""The shipped checkpoint, shelf, cards and instrument hold together."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import torch

from engine.builtin import CARDS, CHECKPOINT, FAMILY, JUDGE, LORAS, autoencoder, judge
from engine.builtin.bench import Subject, measure
from engine.builtin.captions import HELD_BACK, caption
from engine.builtin.drawing import draw
from engine.builtin.judge import Judge
from engine.builtin.lessons import describe
from engine.builtin.shelf import SHELF, by_slug
from engine.builtin.studio import Studio
from engine.builtin.vendor import StableDiffusionPipeline
from engine.builtin.world import IDEAS, kind_of, random_picture, random_single, seeded

# diffusers 0.42 and numpy 2.4 exchange tensors in ways that numpy wants written otherwise.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{words}:DeprecationWarning")
    for words in (
        "__array__ implementation doesn't accept a copy keyword",
        "__array_wrap__ must accept context and return_scalar arguments",
    )
]
# Loading a second adapter beside the first is what is meant.
pytestmark.append(pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning"))
MEGABYTE = 1_000_000
SHIPPED = {path.stem: path for path in sorted(LORAS.glob("*.safetensors"))}
GOOD = [a.slug for a in SHELF if a.slug in SHIPPED and not a.trouble]
Card = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Layers are too small to be divided; two threads wait longer than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    """The checkpoint, loaded once."""
    yield Studio()


@pytest.fixture(scope="module")
def reader() -> Judge:
    """The instrument."""
    return judge.load(JUDGE)


@pytest.fixture(scope="module")
def cards() -> list[Card]:
    """All cards of the shelf."""
    return [json.loads(line) for line in CARDS.read_text(encoding="utf-8").splitlines()]


def test_importing_the_package_loads_no_torch() -> None:
    said = "import sys, engine.builtin; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", said], check=False).returncode == 0


def test_equal_seeds_draw_and_say_the_same() -> None:
    pictures = [random_picture(seeded(number)) for number in range(3)]
    assert torch.equal(draw(pictures, 5), draw(pictures, 5))
    assert not torch.equal(draw(pictures, 5), draw(pictures, 6))
    said = [[caption(p, seeded(i)) for i, p in enumerate(pictures)] for _ in range(2)]
    assert said[0] == said[1]


def test_captions_of_the_base_keep_the_ideas_words_back() -> None:
    rng = seeded(2)
    words: set[str] = set()
    for _ in range(3000):
        words |= set(caption(random_picture(rng), rng).replace(",", "").split())
    assert not words & (set(HELD_BACK) | set(IDEAS))


def test_a_new_autoencoders_latents_lie_around_zero() -> None:
    vae = autoencoder.build().eval()
    latents = autoencoder.encode(vae, autoencoder.varied_images(60, 12))
    assert latents.mean((0, 2, 3)).abs().max() < 0.2
    assert latents[:, : autoencoder.LEADING].std() == pytest.approx(1, abs=0.15)
    # AutoencoderTiny bends what leaves -3..3 before it decodes.
    codes = latents / vae.config.scaling_factor
    assert (codes[:, : autoencoder.LEADING].abs() < 3).all()


def test_the_encoder_is_one_linear_map_of_patches(studio: Studio) -> None:
    images = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    vae = studio.pipe.vae
    with torch.no_grad():
        plain = vae.encode(images * 2 - 1).latents * vae.config.scaling_factor
    assert torch.allclose(autoencoder.encode(vae, images), plain, atol=1e-4)


def test_sizes_stay_within_their_limits() -> None:
    parts = [p.stat().st_size for p in CHECKPOINT.rglob("*") if p.is_file()]
    files = [p.stat().st_size for p in SHIPPED.values()]
    assert sum(parts) <= 16 * MEGABYTE
    assert max(files) <= 800_000
    assert sum(files) <= 18 * MEGABYTE


def test_every_file_has_its_card_and_every_card_its_file(cards: list[Card]) -> None:
    assert sorted(c["file_name"] for c in cards) == sorted(p.name for p in SHIPPED.values())
    for card in cards:
        content = (LORAS / card["file_name"]).read_bytes()
        assert card["file_sha256"] == hashlib.sha256(content).hexdigest()
        assert card["base_model"] == FAMILY or card["trouble"] == "wrong base"
        assert card["title"] and card["tags"] and card["trigger_words"] and card["may_change"]
        assert card["weight_range"][0] <= card["weight"] <= card["weight_range"][1]


def test_only_the_unsafe_motif_is_rated_so(cards: list[Card]) -> None:
    assert {c["source_id"] for c in cards if c["nsfw"]} == {"skull-motif"} & set(SHIPPED)


def test_the_instrument_reads_drawings(reader: Judge) -> None:
    rng = seeded(3)
    shares = judge.accuracy(reader, [random_single(rng) for _ in range(100)], 11)
    assert min(shares["shape"], shares["colour"], shares["background"]) >= 0.97


def test_plain_diffusers_draws_what_the_prompt_says(reader: Judge) -> None:
    pipe = StableDiffusionPipeline.from_pretrained(str(CHECKPOINT))
    pipe.set_progress_bar_config(disable=True)
    noise = torch.Generator().manual_seed(1)
    prompt = "a red circle on a blue background"
    drawn = pipe(prompt, num_inference_steps=15, generator=noise, output_type="pt").images
    assert drawn.shape == (1, 3, 128, 128)
    seen = reader.read(drawn.float())[0]
    assert (seen["shape"], seen["colour"], seen["background"]) == ("circle", "red", "blue")


def test_the_checkpoint_keeps_to_captions(studio: Studio, reader: Judge) -> None:
    rng = seeded(6)
    pictures = [random_single(rng) for _ in range(10)]
    drawn = studio.draw([caption(p, rng, complete=True) for p in pictures], seed=1)
    for question in ("shape", "colour", "background"):
        truth = [judge.facts(p)[question] for p in pictures]
        right = [a == b[question] for a, b in zip(truth, reader.read(drawn), strict=True)]
        assert sum(right) >= 9, question


def test_equal_seeds_render_the_same(studio: Studio) -> None:
    first, again, other = (studio.draw(["a pink ring"], seed=seed) for seed in (4, 4, 5))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_adapters_bring_ideas_that_the_base_lacks(studio: Studio, reader: Judge) -> None:
    found = {slug: _shown(slug, studio, reader) for slug in GOOD}
    assert [slug for slug, times in found.items() if times < 2] == [], found
    assert sum(found.values()) >= 0.7 * 4 * len(GOOD), found


def _shown(slug: str, studio: Studio, reader: Judge) -> int:
    """In how many of four images the adapter's idea shows."""
    adapter, rng = by_slug(slug), seeded(slug)
    prompts = [_prompt(slug, rng) for _ in range(4)]
    read = reader.read(studio.draw(prompts, {slug: adapter.weight}, seed=3))
    studio.forget()
    return [r[kind_of(adapter.idea)] for r in read].count(adapter.idea)


def test_without_adapters_their_words_bring_nothing(studio: Studio, reader: Judge) -> None:
    prompts = [_prompt(slug, seeded(slug)) for slug in GOOD]
    read = reader.read(studio.draw(prompts, seed=3))
    shown = [
        s for s, r in zip(GOOD, read, strict=True) if r[kind_of(by_slug(s).idea)] == by_slug(s).idea
    ]
    assert shown == []


def _prompt(slug: str, rng: Random) -> str:
    told = describe(random_single(rng), by_slug(slug).words, rng)
    return caption(told.picture, rng, told.words, chatter=False, complete=True)


def test_an_adapter_for_another_base_does_not_load() -> None:
    with pytest.raises(RuntimeError, match="size mismatch"):
        Studio().use({"photoreal-skin": 1.0})


def test_troublemakers_fail_as_their_labels_say() -> None:
    troubled = [slug for slug in SHIPPED if by_slug(slug).trouble]
    heard: list[str] = []
    figures = measure(Subject(10), 1, heard.append, only=troubled)
    assert len(heard) == len(troubled)
    assert {f.name.split(":")[0] for f in figures} == set(troubled)
    assert [f.name for f in figures if f.holds is False] == []
