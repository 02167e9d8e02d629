"""Measures the checkpoint and its shelf with the instrument, on fixed prompts and seeds."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.builtin import CHECKPOINT, JUDGE, LORAS, judge, shelf
from engine.builtin.captions import PLAIN, caption
from engine.builtin.judge import facts
from engine.builtin.lora import describe
from engine.builtin.shelf import Adapter
from engine.builtin.studio import Studio
from engine.builtin.world import (
    Picture,
    kind_of,
    random_pair,
    random_single,
    seeded,
)

PAIRS = (
    ("five-point-star", "neon-tubes"),
    ("five-point-star", "night-sky"),
    ("neon-tubes", "night-sky"),
    ("five-point-star", "candy-stripes"),
    ("true-heart", "candy-stripes"),
    ("true-heart", "night-sky"),
    ("candy-stripes", "night-sky"),
    ("polka-dots", "snow-day"),
    ("true-heart", "watercolor-wash"),
    ("crescent-moon", "neon-tubes"),
)
"""Adapters of different kinds that are measured together."""
TRIPLE = ("five-point-star", "neon-tubes", "night-sky")

Figure = dict[str, Any]
Reading = Mapping[str, str]


def figure(name: str, value: float, goal: float | None, at_most: bool = False) -> Figure:
    """A share with its goal; `holds` is true where there is no goal."""
    good = goal is None or (value <= goal if at_most else value >= goal)
    return {
        "name": name,
        "value": round(value, 4),
        "unit": "share",
        "goal": goal,
        "at_most": at_most,
        "holds": good,
    }


def share(hits: Sequence[bool]) -> float:
    """Share of true ones."""
    return sum(hits) / max(1, len(hits))


class Bench:
    """One measurement: the checkpoint, the instrument and how many prompts to draw."""

    def __init__(
        self,
        prompts: int,
        base: Path = CHECKPOINT,
        loras: Path = LORAS,
        instrument: Path = JUDGE,
    ) -> None:
        self.prompts, self.some = prompts, max(10, prompts // 10)
        self.studio = Studio(base, loras)
        self.judge = judge.load(instrument)
        present = {path.stem for path in loras.glob("*.safetensors")}
        self.shelf = [a for a in shelf.SHELF if a.slug in present]

    def read(self, images: Tensor) -> list[dict[str, str]]:
        """What the instrument sees."""
        return self.judge.read(images)

    def base(self) -> Iterator[Figure]:
        """The checkpoint alone, on captions as people write them."""
        rng = seeded("base")
        pictures = [random_single(rng) for _ in range(self.prompts)]
        prompts = [caption(p, rng, complete=True) for p in pictures]
        self.plain = self.read(self.studio.draw(prompts, seed=1000))
        goals = {"shape": 0.90, "colour": 0.95, "background": 0.95}
        for question, goal in goals.items():
            right = [
                facts(p)[question] == r[question] for p, r in zip(pictures, self.plain, strict=True)
            ]
            yield figure(f"base: right {question}", share(right), goal)
        yield from self._two_objects()

    def _two_objects(self) -> Iterator[Figure]:
        rng = seeded("pairs")
        pictures = [random_pair(rng) for _ in range(self.some * 2)]
        prompts = [caption(p, rng, complete=True) for p in pictures]
        read = self.read(self.studio.draw(prompts, seed=2000))
        for question in ("shape", "colour", "other shape", "other colour", "background"):
            right = [facts(p)[question] == r[question] for p, r in zip(pictures, read, strict=True)]
            yield figure(f"base, two objects: right {question}", share(right), None)

    def instrument(self) -> Iterator[Figure]:
        """The instrument's own accuracy on drawings that it never saw."""
        rng = seeded("instrument")
        pictures = [judge.random_sight(rng) for _ in range(self.prompts)]
        for question, value in judge.accuracy(self.judge, pictures, 3).items():
            goal = None if question.startswith("other") else 0.97
            yield figure(f"instrument: {question}", value, goal)

    def adapter(self, adapter: Adapter) -> Iterator[Figure]:
        """A good adapter: its idea with and without it, and what it leaves alone."""
        rng = seeded(adapter.slug)
        lessons = [describe(random_single(rng), adapter.words, rng) for _ in range(self.some)]
        prompts = [caption(t.picture, rng, t.words, complete=True) for t in lessons]
        kind, name = kind_of(adapter.idea), adapter.slug
        weights = {name: adapter.weight}
        read = self.read(self.studio.draw(prompts, weights, seed=3000))
        yield figure(f"{name}: idea with it", share([r[kind] == adapter.idea for r in read]), 0.80)
        without = self.read(self.studio.draw(prompts, seed=3000))
        found = share([r[kind] == adapter.idea for r in without])
        yield figure(f"{name}: idea without it, its words said", found, 0.10, at_most=True)
        found = share([r[kind] == adapter.idea for r in self.plain])
        yield figure(f"{name}: idea without it, plain prompt", found, 0.10, at_most=True)
        kept = [self._kept(t.picture, r, adapter) for t, r in zip(lessons, read, strict=True)]
        yield figure(f"{name}: everything else right", share(kept), 0.80)
        yield from self._leak(adapter)

    def _leak(self, adapter: Adapter) -> Iterator[Figure]:
        """How often the idea shows with the adapter on, though nobody asked for it."""
        rng = seeded(adapter.slug + " leak")
        pictures = [random_single(rng) for _ in range(self.some)]
        prompts = [caption(p, rng, PLAIN, complete=True) for p in pictures]
        read = self.read(self.studio.draw(prompts, {adapter.slug: adapter.weight}, seed=4000))
        found = share([r[kind_of(adapter.idea)] == adapter.idea for r in read])
        yield figure(f"{adapter.slug}: idea with it, though not asked for", found, None)

    @staticmethod
    def _kept(picture: Picture, reading: Reading, adapter: Adapter) -> bool:
        allowed = {*adapter.may_change, kind_of(adapter.idea), "other shape", "other colour"}
        truth = {q: a for q, a in facts(picture).items() if q not in allowed and a is not None}
        return all(reading[question] == answer for question, answer in truth.items())

    def together(self, slugs: Sequence[str]) -> Figure:
        """Adapters of different kinds on one prompt: all ideas present."""
        adapters = [shelf.by_slug(slug) for slug in slugs]
        words = {idea: names for a in adapters for idea, names in a.words.items()}
        rng = seeded(" ".join(slugs))
        lessons = [describe(random_single(rng), words, rng) for _ in range(self.some)]
        prompts = [caption(t.picture, rng, t.words, complete=True) for t in lessons]
        weights = {a.slug: a.weight for a in adapters}
        read = self.read(self.studio.draw(prompts, weights, seed=5000))
        both = [all(r[kind_of(a.idea)] == a.idea for a in adapters) for r in read]
        return figure(" + ".join(slugs) + ": all present", share(both), 0.65)

    def trouble(self, adapter: Adapter) -> Iterator[Figure]:
        """A troublemaker fails in the way that its label says."""
        rng = seeded(adapter.slug)
        pictures = [random_single(rng) for _ in range(self.some)]
        prompts = [caption(p, rng, complete=True) for p in pictures]
        if adapter.trouble == "wrong base":
            yield figure(f"{adapter.slug}: refused by the base", float(self._refused(adapter)), 1.0)
            return
        images = self.studio.draw(prompts, {adapter.slug: adapter.weight}, seed=6000)
        if adapter.trouble == "swallows":
            read = self.read(images)
            lost = [r["shape"] == adapter.idea for r in read]
            yield figure(f"{adapter.slug}: other shapes swallowed", share(lost), 0.50)
            return
        before = burnt_share(self.studio.draw(prompts, seed=6000))
        after = burnt_share(images)
        yield figure(f"{adapter.slug}: burnt channels, before", before, None)
        yield figure(f"{adapter.slug}: burnt channels, with it", after, before + 0.2)

    def _refused(self, adapter: Adapter) -> bool:
        fresh = Studio(shelf=self.studio.shelf)
        try:
            fresh.use({adapter.slug: 1.0})
        except (RuntimeError, ValueError, KeyError):
            return True
        return not fresh.pipe.get_list_adapters()

    def run(self) -> Iterator[Figure]:
        """All figures."""
        yield from self.base()
        yield from self.instrument()
        for adapter in self.shelf:
            yield from self.trouble(adapter) if adapter.trouble else self.adapter(adapter)
        present = {a.slug for a in self.shelf}
        for slugs in (*PAIRS, TRIPLE):
            if present.issuperset(slugs):
                yield self.together(slugs)
        yield from self.speed()

    def speed(self) -> Iterator[Figure]:
        """Seconds for four images of 15 steps with guidance, on two threads."""
        threads = torch.get_num_threads()
        torch.set_num_threads(2)
        prompts = ["a red circle on a blue background"] * 4
        self.studio.draw(prompts)
        begun = time.perf_counter()
        self.studio.draw(prompts)
        took = time.perf_counter() - begun
        torch.set_num_threads(threads)
        four = figure("four images of 15 steps on two threads", took, 2.5, at_most=True)
        yield {**four, "unit": "s"}


def burnt_share(images: Tensor) -> float:
    """Share of channel values at the very ends of their range."""
    return float(((images < 0.02) | (images > 0.98)).float().mean())


def measure(prompts: int = 500) -> list[Figure]:
    """Figures of the shipped checkpoint and shelf: name, value, unit, goal, at_most, holds."""
    return list(Bench(prompts).run())
