"""Pictures of the built-in world to start from, and what their images must keep and show.

Image to image: a picture of one object, and a prompt that tells of it with one more idea.
Inpainting: an object in the middle, which the prompt replaces; the mask covers it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from PIL import Image, ImageDraw

from engine.builtin import shelf
from engine.builtin.captions import caption
from engine.builtin.drawing import draw
from engine.builtin.judge import facts
from engine.builtin.lessons import describe
from engine.builtin.sheet import image_of
from engine.builtin.world import SIDE, Picture, kind_of, random_single, seeded
from engine.evaluating.questions import Question
from engine.evaluating.world_questions import good_ideas

#: Pixels at each edge that the mask leaves alone.
MARGIN = SIDE // 8


@dataclass(frozen=True, slots=True)
class SourceQuestion:
    """One picture to start from."""

    prompt: str
    image: Image.Image
    #: White where it is painted anew; None: everywhere.
    mask: Image.Image | None
    #: What the images must keep of the picture.
    kept: Question
    #: What the prompt brings in.
    followed: Question


def translations(count: int) -> list[SourceQuestion]:
    """Returns pictures that are to become more than they are."""
    rng = seeded("image to image")
    ideas = [idea for idea in good_ideas() if kind_of(idea) != "shape"]
    return _questions(rng, ideas, [random_single(rng) for _ in range(count)], None)


def inpaintings(count: int) -> list[SourceQuestion]:
    """Returns pictures whose object is to become another one."""
    rng = seeded("inpainting")
    ideas = [idea for idea in good_ideas() if kind_of(idea) == "shape"]
    pictures = [_in_the_middle(random_single(rng)) for _ in range(count)]
    mask = Image.new("L", (SIDE, SIDE), "black")
    ImageDraw.Draw(mask).rectangle((MARGIN, MARGIN, SIDE - MARGIN - 1, SIDE - MARGIN - 1), "white")
    return _questions(rng, ideas, pictures, mask)


def _in_the_middle(picture: Picture) -> Picture:
    thing = replace(picture.first, place="center", size="medium")
    return replace(picture, things=(thing,))


def _questions(
    rng: Random, ideas: Sequence[str], pictures: Sequence[Picture], mask: Image.Image | None
) -> list[SourceQuestion]:
    made = []
    for picture, pixels in zip(pictures, draw(pictures, seed=99), strict=True):
        idea = rng.choice(list(ideas))
        told = describe(picture, {idea: shelf.WORDS[idea]}, rng)
        prompt = caption(told.picture, rng, told.words, complete=True)
        changed = (kind_of(idea), *shelf.CHANGES.get(idea, ()))
        kept = {
            kind: answer
            for kind, answer in facts(picture).items()
            if answer and kind in ("shape", "colour", "background") and kind not in changed
        }
        truth = Question(prompt, truth=kept), Question(prompt, truth={kind_of(idea): idea})
        made.append(SourceQuestion(prompt, image_of(pixels), mask, *truth))
    return made
