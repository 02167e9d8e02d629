"""Prompts of the built-in world, whose images the instrument can hold against the truth.

Three groups in equal parts: prompts that need no adapter, that need one, and that need two of
different kinds. They are worded as people in a chat word them.
"""

import json
from random import Random

from engine import builtin
from engine.builtin import shelf
from engine.builtin.captions import PLAIN, caption
from engine.builtin.judge import facts
from engine.builtin.lessons import describe
from engine.builtin.world import UNSAFE_SHAPE, Picture, kind_of, random_single, seeded
from engine.evaluating.questions import Question

NONE, ONE, TWO = "needs none", "needs one", "needs two"
GROUPS = (NONE, ONE, TWO)
NEEDING = (ONE, TWO)
#: Facts of a picture that are only there where an idea brings them.
_BROUGHT = ("texture", "style", "scene")


def world_questions(count: int) -> tuple[list[Question], list[Picture]]:
    """Returns `count` questions, the groups in turn, and the pictures that they tell of."""
    rng = seeded("evaluation")
    ideas = good_ideas()
    made = [_question(rng, ideas, GROUPS[n % len(GROUPS)]) for n in range(count)]
    return [question for question, _ in made], [picture for _, picture in made]


def good_ideas() -> list[str]:
    """Returns the ideas that a good, safe adapter of the shelf brings."""
    cards = [json.loads(line) for line in builtin.CARDS.read_text("utf-8").splitlines() if line]
    slugs = {card["file_name"].removesuffix(".safetensors") for card in cards}
    good = [a.idea for a in shelf.SHELF if a.slug in slugs and not a.trouble]
    return [idea for idea in dict.fromkeys(good) if idea != UNSAFE_SHAPE]


def _question(rng: Random, ideas: list[str], group: str) -> tuple[Question, Picture]:
    picture = random_single(rng)
    words = {idea: shelf.WORDS[idea] for idea in _chosen(rng, ideas, group)}
    told = describe(picture, words, rng)
    prompt = caption(told.picture, rng, told.words if words else PLAIN, complete=True)
    truth = _truth(told.picture)
    needs = frozenset(map(kind_of, told.picture.ideas())) & truth.keys()
    return Question(prompt, group, truth, needs), told.picture


def _chosen(rng: Random, ideas: list[str], group: str) -> list[str]:
    """Ideas of different kinds: an image has one shape, one style and so on."""
    if group == NONE:
        return []
    first = rng.choice(ideas)
    if group == ONE:
        return [first]
    return [first, rng.choice([idea for idea in ideas if kind_of(idea) != kind_of(first)])]


def _truth(picture: Picture) -> dict[str, str]:
    """What the prompt names: an object, its colour and wall where they show, and the ideas."""
    named = {"shape", "colour", "background", *map(kind_of, picture.ideas())}
    return {
        kind: answer
        for kind, answer in facts(picture).items()
        if answer and kind in named and (kind not in _BROUGHT or answer in picture.ideas())
    }
