"""Measures the checkpoint and its shelf with the instrument, on fixed prompts and seeds."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor

from engine.builtin import CHECKPOINT, JUDGE, LORAS, judge, shelf
from engine.builtin.captions import PLAIN, caption
from engine.builtin.judge import facts
from engine.builtin.lessons import describe
from engine.builtin.shelf import PAIRS, TRIPLE, Adapter
from engine.builtin.studio import Studio
from engine.builtin.world import IDEAS, Picture, kind_of, random_pair, random_single, seeded
from engine.operations.figures import Figure

Reading = Mapping[str, str]
BASE_GOALS = {"shape": 0.90, "colour": 0.95, "background": 0.95}


def share(name: str, hits: Sequence[bool], goal: float | None = None) -> Figure:
    """The share of true ones, which must reach the goal."""
    return Figure(name, sum(hits) / max(1, len(hits)), "share", goal, higher_is_better=True)


def at_most(name: str, hits: Sequence[bool], goal: float) -> Figure:
    """The share of true ones, which must not pass the goal."""
    return Figure(name, sum(hits) / max(1, len(hits)), "share", goal)


@dataclass(frozen=True)
class Subject:
    """What is measured: the base on so many prompts, each adapter on a twentieth of them."""

    prompts: int
    base: Path = CHECKPOINT
    loras: Path = LORAS
    instrument: Path = JUDGE

    def shelf(self) -> list[Adapter]:
        """The adapters whose files are there."""
        present = {path.stem for path in self.loras.glob("*.safetensors")}
        return [a for a in shelf.SHELF if a.slug in present]

    def units(self) -> list[str]:
        """Names of the parts of the measurement, which do not need one another."""
        slugs = [a.slug for a in self.shelf()]
        pairs = [p for p in (*PAIRS, TRIPLE) if set(slugs).issuperset(p)]
        return ["base", "two objects", "instrument", *slugs, *(" + ".join(p) for p in pairs)]


class Bench:
    """Measures one part after the other in this process, on the threads that torch has."""

    def __init__(self, subject: Subject) -> None:
        self.prompts, self.some = subject.prompts, max(10, subject.prompts // 10)
        self.base_folder = subject.base
        self.studio = Studio(subject.base, subject.loras)
        self.judge = judge.load(subject.instrument)

    def unit(self, name: str) -> list[Figure]:
        """The figures of one of the subject's units."""
        whole = {"base": self.base, "two objects": self.pairs, "instrument": self.instrument}
        if name in whole:
            return list(whole[name]())
        slugs = name.split(" + ")
        if len(slugs) > 1:
            figures = [self.together(slugs)]
        else:
            adapter = shelf.by_slug(name)
            figures = list(self.trouble(adapter) if adapter.trouble else self.adapter(adapter))
        self.studio.forget()
        return figures

    def base(self) -> Iterator[Figure]:
        """The checkpoint alone, on captions as people write them."""
        rng = seeded("base")
        pictures = [random_single(rng) for _ in range(self.prompts)]
        prompts = [caption(p, rng, complete=True) for p in pictures]
        read = self.judge.read(self.studio.draw(prompts, seed=1000))
        for question, goal in BASE_GOALS.items():
            right = [facts(p)[question] == r[question] for p, r in zip(pictures, read, strict=True)]
            yield share(f"base: right {question}", right, goal)
        shown = {idea: [r[kind_of(idea)] == idea for r in read] for idea in IDEAS}
        idea = max(shown, key=lambda name: sum(shown[name]))
        yield at_most(f"base: held-back idea seen most often ({idea})", shown[idea], 0.10)

    def pairs(self) -> Iterator[Figure]:
        """The checkpoint alone, on captions of two objects."""
        rng = seeded("pairs")
        pictures = [random_pair(rng) for _ in range(self.some * 4)]
        prompts = [caption(p, rng, complete=True) for p in pictures]
        read = self.judge.read(self.studio.draw(prompts, seed=2000))
        for question in ("shape", "colour", "other shape", "other colour", "background"):
            right = [facts(p)[question] == r[question] for p, r in zip(pictures, read, strict=True)]
            yield share(f"base, two objects: right {question}", right)

    def instrument(self) -> Iterator[Figure]:
        """The instrument's own accuracy on drawings that it never saw."""
        rng = seeded("instrument")
        for label, make in (("one idea", judge.random_simple), ("mixed", judge.random_sight)):
            pictures = [make(rng) for _ in range(self.prompts)]
            for question, value in judge.accuracy(self.judge, pictures, 3).items():
                goal = 0.97 if label == "one idea" else None
                name = f"instrument, {label}: {question}"
                yield Figure(name, value, "share", goal, higher_is_better=True)

    def adapter(self, adapter: Adapter) -> Iterator[Figure]:
        """A good adapter: its idea with and without it, and what it leaves alone."""
        rng = seeded(adapter.slug)
        lessons = [describe(random_single(rng), adapter.words, rng) for _ in range(self.some)]
        prompts = [caption(t.picture, rng, t.words, complete=True) for t in lessons]
        kind, name = kind_of(adapter.idea), adapter.slug
        weights = {name: adapter.weight}
        read = self.judge.read(self.studio.draw(prompts, weights, seed=3000))
        yield share(f"{name}: idea with it", [r[kind] == adapter.idea for r in read], 0.80)
        without = self.judge.read(self.studio.draw(prompts, seed=3000))
        found = [r[kind] == adapter.idea for r in without]
        yield at_most(f"{name}: idea without it, its words said", found, 0.10)
        kept = [self._kept(t.picture, r, adapter) for t, r in zip(lessons, read, strict=True)]
        yield share(f"{name}: everything else right", kept, 0.80)
        yield self._leak(adapter)

    def _leak(self, adapter: Adapter) -> Figure:
        """How often the idea shows with the adapter on, though nobody asked for it."""
        rng = seeded(adapter.slug + " leak")
        pictures = [random_single(rng) for _ in range(self.some)]
        prompts = [caption(p, rng, PLAIN, complete=True) for p in pictures]
        weights = {adapter.slug: adapter.weight}
        read = self.judge.read(self.studio.draw(prompts, weights, seed=4000))
        found = [r[kind_of(adapter.idea)] == adapter.idea for r in read]
        return share(f"{adapter.slug}: idea with it, though not asked for", found)

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
        read = self.judge.read(self.studio.draw(prompts, weights, seed=5000))
        both = [all(r[kind_of(a.idea)] == a.idea for a in adapters) for r in read]
        return share(" + ".join(slugs) + ": all present", both, 0.65)

    def trouble(self, adapter: Adapter) -> Iterator[Figure]:
        """A troublemaker fails in the way that its label says."""
        name = adapter.slug
        if adapter.trouble == "wrong base":
            yield share(f"{name}: refused by the base", [self._refused(adapter)], 1.0)
            return
        rng = seeded(name)
        pictures = [random_single(rng) for _ in range(self.some)]
        prompts = [caption(p, rng, complete=True) for p in pictures]
        images = self.studio.draw(prompts, {name: adapter.weight}, seed=6000)
        if adapter.trouble == "swallows":
            lost = [r["shape"] == adapter.idea for r in self.judge.read(images)]
            yield share(f"{name}: other shapes swallowed", lost, 0.50)
            return
        before, after = burnt_share(self.studio.draw(prompts, seed=6000)), burnt_share(images)
        yield Figure(f"{name}: burnt channels without it", before, "share")
        goal = round(before + 0.2, 4)
        yield Figure(f"{name}: burnt channels with it", after, "share", goal, higher_is_better=True)

    def _refused(self, adapter: Adapter) -> bool:
        fresh = Studio(self.base_folder, self.studio.shelf)  # a refusal leaves layers behind
        try:
            fresh.use({adapter.slug: 1.0})
        except (RuntimeError, ValueError, KeyError):
            return True
        return not fresh.pipe.get_list_adapters()

    def speed(self) -> Figure:
        """Seconds for four images of 15 steps with guidance, on two threads."""
        threads = torch.get_num_threads()
        torch.set_num_threads(2)
        prompts = ["a red circle on a blue background"] * 4
        self.studio.draw(prompts)
        begun = time.perf_counter()
        self.studio.draw(prompts)
        took = time.perf_counter() - begun
        torch.set_num_threads(threads)
        return Figure("four images of 15 steps on two threads", took, "s", 2.5)


def burnt_share(images: Tensor) -> float:
    """Share of channel values at the very ends of their range."""
    return float(((images < 0.02) | (images > 0.98)).float().mean())


_bench: Bench


def _open(subject: Subject) -> None:
    global _bench
    torch.set_num_threads(1)
    _bench = Bench(subject)


def _measure(unit: str) -> list[Figure]:
    return _bench.unit(unit)


def measure(
    subject: Subject, processes: int, tell: Callable[[str], None], only: Sequence[str] = ()
) -> list[Figure]:
    """Figures of everything, or of the units named, in the order of the subject's units.

    `tell` hears of each finished unit. The time is measured last, when nothing else runs.
    """
    units = [u for u in subject.units() if not only or u in only]
    measured: dict[str, list[Figure]] = {}
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_open, initargs=(subject,)) as pool:
        running = {pool.submit(_measure, unit): unit for unit in units}
        for done in as_completed(running):
            measured[running[done]] = done.result()
            tell(f"{running[done]}: {' '.join(f'{f.value:.2f}' for f in done.result())}")
    figures = [figure for unit in units for figure in measured[unit]]
    return figures if only else [*figures, Bench(subject).speed()]
