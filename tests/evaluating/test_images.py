"""`stylus eval images`, on the built-in checkpoint and world and with a toy CLIP."""

import re
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
import transformers
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

from bot.benchmarks.exam import Options, open_exam
from bot.benchmarks.images import measure
from engine.builtin import CHECKPOINT
from engine.builtin.drawing import draw
from engine.builtin.sheet import image_of
from engine.errors import BadFile, BadOption
from engine.evaluating.eyes import Clip, Instrument, colours, features_of, look
from engine.evaluating.questions import Question
from engine.evaluating.scores import frechet_distance
from engine.evaluating.world_questions import world_questions
from engine.settings import Settings
from engine.settings_rendering import Sampling


def options(out: Path, **changed: object) -> Options:
    values = {
        "prompts": None, "count": 3, "images": 2, "clip": None, "real": None,
        "ways": ["base", "stylus"], "guidances": [4.0, 2.0], "out": out, **changed,
    }  # fmt: skip
    return Options(**values)  # type: ignore[arg-type]


@pytest.fixture
def quick(settings: Settings) -> Settings:
    return settings.model_copy(update={"sampling": Sampling(steps=4)})


async def test_base_and_method_are_drawn_looked_at_and_shown(
    quick: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "proof"
    figures = {f.name: f for f in await measure(quick, options(out), lambda _: None)}
    assert figures["stylus: spread"].value > figures["base: spread"].value
    assert figures["prompts more diverse than base, an adapter needed"].value > 0
    needed, unneeded = "alignment against base, an adapter needed", "base, needs none: alignment"
    assert figures[needed].value > 0
    assert figures[unneeded].value > 0.5
    assert figures[needed].interval
    assert 0 <= figures["base: ideas present"].value <= 1
    assert figures["base: Frechet distance to real images"].value > 0
    drawn = {path: path.stat().st_mtime_ns for path in (out / "images").iterdir()}
    # Two guidance scales, three prompts, two seeds; without adapters the method is its base.
    assert 12 < len(drawn) <= 24
    page = (out / "report.html").read_text()
    shown = re.findall(r'src="(images/[0-9a-f]+\.png)"', page)
    assert len(shown) == 12
    assert all((out / path).is_file() for path in shown)
    assert page.count("<svg") == 2
    # Once more: nothing is drawn again, and one that was lost is.
    lost = next(iter(drawn))
    lost.unlink()
    again = await measure(quick, options(out), lambda _: None)
    assert {f.name: f.value for f in again} == {name: f.value for name, f in figures.items()}
    changed = {path for path in drawn if path.stat().st_mtime_ns != drawn[path]}
    assert changed == {lost}


def test_the_instrument_sees_what_a_drawing_shows(tmp_path: Path) -> None:
    questions, pictures = world_questions(60)
    paths = []
    for number, image in enumerate(draw(pictures, seed=5)):
        paths.append(tmp_path / f"{number}.png")
        image_of(image).save(paths[-1])
    eye = Instrument()
    right = look(eye, paths, questions)
    wrong = look(eye, paths, questions[1:] + questions[:1])
    assert fmean(one.alignment for one in right.verdicts) > 0.9
    assert fmean(one.alignment for one in wrong.verdicts) < 0.3
    covered = [one.coverage for one in right.verdicts]
    assert covered[::3] == [None] * 20
    assert fmean(share for share in covered if share is not None) > 0.9
    drawings = draw(pictures, seed=6)
    like = frechet_distance(right.features, features_of(eye, drawings))
    chance = torch.Generator().manual_seed(1)
    noise = features_of(eye, torch.rand(60, 3, 128, 128, generator=chance))
    assert 0 <= like < frechet_distance(noise, features_of(eye, drawings)) / 5


def test_colourful_is_what_is_far_from_gray() -> None:
    gray, red = torch.full((3, 4, 4), 0.5), torch.zeros(3, 4, 4)
    red[0, :2] = 1.0
    assert colours(torch.stack([gray, red])) == [0.0, pytest.approx(0.5)]


@pytest.fixture(scope="module")
def toy_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP model of toy size with random weights, as a folder."""
    folder = tmp_path_factory.mktemp("clip")
    library: Any = transformers  # whose classes are not all typed
    tokenizer = library.AutoTokenizer.from_pretrained(CHECKPOINT / "tokenizer")
    part = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    text = {**part, "num_attention_heads": 2, "vocab_size": len(tokenizer)}
    text |= {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    vision = {**part, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
    torch.manual_seed(0)
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)
    CLIPModel(config).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)
    library.CLIPProcessor(processor, tokenizer).save_pretrained(folder)
    return folder


async def test_prompts_of_ones_own_are_scored_by_clip(
    toy_clip: Path, quick: Settings, catalogue: tuple[str, ...], tmp_path: Path
) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a red circle\na blue square\n")
    chosen = options(tmp_path / "proof", prompts=prompts, clip=str(toy_clip), ways=["base"])
    figures = {f.name: f.value for f in await measure(quick, chosen, lambda _: None)}
    assert 0 <= figures["base: alignment"] <= 100
    assert "base: Frechet distance to real images" not in figures


def test_clips_score_is_the_cosine_of_image_and_prompt(toy_clip: Path) -> None:
    eye, chance = Clip(str(toy_clip)), torch.Generator().manual_seed(1)
    images = torch.rand(2, 3, 64, 64, generator=chance)
    questions = [Question("a red circle"), Question("a blue square on a wall")]
    with torch.inference_mode():
        features = eye.features(images)
        scores = [one.alignment for one in eye.verdicts(features, questions)]
        swapped = [one.alignment for one in eye.verdicts(features, questions[::-1])]
    assert features.norm(dim=1).tolist() == [pytest.approx(1), pytest.approx(1)]
    model: Any = CLIPModel.from_pretrained(toy_clip)
    processor: Any = CLIPProcessor.from_pretrained(toy_clip)
    inputs = processor(
        text=[q.prompt for q in questions], images=list(images), do_rescale=False,
        padding=True, truncation=True, return_tensors="pt",
    )  # fmt: skip
    with torch.inference_mode():
        answer = model(**inputs)
        cosines = (answer.logits_per_image / model.logit_scale.exp()).diagonal() * 100
    assert scores == pytest.approx(cosines.clamp(min=0).tolist(), abs=1e-3)
    assert scores != swapped


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"ways": ["stylus", "best"]}, "no way “best”"),
        ({"clip": "somewhere"}, "Without --prompts"),
        ({"prompts": Path("p.txt")}, "name a CLIP model"),
        ({"ways": ["base", "reranker"]}, "No reranker is configured"),
    ],
)
def test_what_does_not_go_together_is_said(
    settings: Settings, tmp_path: Path, changed: dict[str, object], sentence: str
) -> None:
    with pytest.raises(BadOption, match=sentence):
        open_exam(settings, options(tmp_path, **changed))


def test_what_is_no_clip_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="is no CLIP model"):
        Clip(str(tmp_path))
