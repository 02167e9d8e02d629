"""What the eyes saw, as figures: each way by itself, and the method against its base."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor
from torchmetrics.image.fid import FrechetInceptionDistance

from engine.evaluating.eyes import Sight
from engine.evaluating.questions import Question
from engine.evaluating.statistics import (
    Interval,
    mean_interval,
    ratio_interval,
    wilson_interval,
)
from engine.operations.figures import Figure

#: The method against its base, as the project promises them.
NEEDED_GOAL, UNNEEDED_GOAL, DIVERSE_GOAL = 1.5, 1.0, 0.75
BASE, METHOD = "base", "stylus"


@dataclass(frozen=True, slots=True)
class Scores:
    """The sights of every way on the same questions; each has `images` images in a row."""

    questions: Sequence[Question]
    images: int
    sights: Mapping[str, Sight]

    def alignment(self, way: str, chosen: Sequence[int]) -> list[float]:
        """Mean alignment of each chosen question's images."""
        return self._means([one.alignment for one in self.sights[way].verdicts], chosen)

    def coverage(self, way: str) -> list[float]:
        """Mean share of ideas that only adapters bring, of each question that has such."""
        shares = [one.coverage for one in self.sights[way].verdicts]
        asked = [n for n in range(len(self.questions)) if shares[n * self.images] is not None]
        return self._means([share or 0.0 for share in shares], asked)

    def colour(self, way: str) -> list[float]:
        """Mean colourfulness of each question's images."""
        return self._means(self.sights[way].colour, range(len(self.questions)))

    def _means(self, values: Sequence[float], chosen: Sequence[int]) -> list[float]:
        starts = [number * self.images for number in chosen]
        return [fmean(values[start : start + self.images]) for start in starts]

    def spread(self, way: str, chosen: Sequence[int]) -> list[float]:
        """Trace of the covariance of each chosen question's features (Stylus, section 4.3)."""
        features = self.sights[way].features
        rows = features.view(-1, self.images, features.shape[1])[list(chosen)]
        traces: list[float] = rows.var(1, correction=0).sum(1).tolist()
        return traces

    def by_group(self) -> dict[str, dict[str, float]]:
        """Mean alignment of each way in each group."""
        groups = list(dict.fromkeys(question.group for question in self.questions))
        return {
            way: {g: fmean(self.alignment(way, self.chosen([g]))) for g in groups}
            for way in self.sights
        }

    def chosen(self, groups: Sequence[str]) -> list[int]:
        """Numbers of the groups' questions."""
        return [n for n, question in enumerate(self.questions) if question.group in groups]


def way_figures(scores: Scores, real: Tensor | None) -> list[Figure]:
    """Returns each way's figures; `real` are the features (n, d) of images to be like."""
    groups = list(dict.fromkeys(question.group for question in scores.questions))
    figures = []
    for way, sight in scores.sights.items():
        for group in groups:
            value = mean_interval(scores.alignment(way, scores.chosen([group])))
            head = f"{way}, {group}" if group else way
            figures.append(_figure(f"{head}: alignment", value))
        everything = range(len(scores.questions))
        figures.append(_figure(f"{way}: spread", mean_interval(scores.spread(way, everything))))
        figures.append(_figure(f"{way}: colourfulness", mean_interval(scores.colour(way))))
        if covered := scores.coverage(way):
            figures.append(_figure(f"{way}: ideas present", mean_interval(covered)))
        if real is not None:
            distance = frechet_distance(sight.features, real)
            figures.append(Figure(f"{way}: Frechet distance to real images", distance, ""))
    return figures


def promises(scores: Scores, needing: Sequence[str], unneeding: Sequence[str]) -> list[Figure]:
    """Returns the method against its base on prompts that need an adapter, and on the others."""
    needed, unneeded = scores.chosen(needing), scores.chosen(unneeding)
    figures = [
        _figure("alignment against base, an adapter needed", _ratio(scores, needed), NEEDED_GOAL)
    ]
    if unneeded:
        value = _ratio(scores, unneeded)
        figures.append(_figure("alignment against base, none needed", value, UNNEEDED_GOAL))
    return [*figures, _more_diverse(scores, needed)]


def _more_diverse(scores: Scores, chosen: Sequence[int]) -> Figure:
    ours, theirs = scores.spread(METHOD, chosen), scores.spread(BASE, chosen)
    wider = sum(one > other for one, other in zip(ours, theirs, strict=True))
    value = wilson_interval(wider, len(chosen))
    return _figure("prompts more diverse than base, an adapter needed", value, DIVERSE_GOAL)


def _ratio(scores: Scores, chosen: Sequence[int]) -> Interval:
    return ratio_interval(scores.alignment(METHOD, chosen), scores.alignment(BASE, chosen))


def frechet_distance(features: Tensor, real: Tensor) -> float:
    """Returns the Frechet distance of two sets of features (n, d) (Heusel et al. 2017)."""
    metric = FrechetInceptionDistance(feature=_AsGiven(features.shape[1]), normalize=True)
    metric.update(real, real=True)
    metric.update(features, real=False)
    return float(metric.compute())


class _AsGiven(torch.nn.Module):
    """Stands where torchmetrics expects a network: the features have been computed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_features = width

    def forward(self, features: Tensor) -> Tensor:
        return features


def _figure(name: str, value: Interval, goal: float | None = None) -> Figure:
    bounds = (value.low, value.high)
    return Figure(name, value.value, "", goal, higher_is_better=True, interval=bounds)
