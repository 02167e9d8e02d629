"""Trains the query maps, with torch: published adapters against all other cards.

A softmax over all cards that may be candidates, for each prompt and for each published keyword
alone. The maps are drawn to moving nothing, for there are some hundred prompts and 300,000 weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.learning.query_lessons import CardVectors, QueryLesson
from engine.retrieving.embedder import MiniLM
from engine.retrieving.query_maps import QueryMaps, plain_maps

EPOCHS = 8
BATCH = 64
RATE = 1e-3
#: Of the five weights, which are few and far from where they start.
WEIGHT_RATE = 0.03
#: How strongly the maps, and their constants, are drawn to zero.
DECAY, CONSTANT_DECAY = 3e-3, 1e-3
DROPOUT = 0.1
#: What keywords alone count beside whole prompts.
KEYWORDS = 0.5
_NEVER = -1e4


class _Maps(nn.Module):
    def __init__(self, cards: CardVectors) -> None:
        super().__init__()
        size = MiniLM.dimensions
        self.moves = nn.ParameterList(torch.zeros(size, size) for _ in range(2))
        self.constants = nn.ParameterList(torch.zeros(size) for _ in range(2))
        #: Of a prompt's vector by heading and body, of its likest keyword's, of a keyword alone.
        self.weights = nn.Parameter(torch.tensor([[10.0, 6.0], [6.0, 3.0], [12.0, 6.0]]))
        self.sides = [torch.from_numpy(side) for side in (cards.headings, cards.bodies)]

    def likeness(self, asked: Tensor) -> list[Tensor]:
        """Returns the cosines of the moved vectors with headings and bodies, (asked, cards)."""
        dropped = functional.dropout(asked, DROPOUT)
        parts = zip(self.moves, self.constants, self.sides, strict=True)
        return [
            functional.normalize(asked + dropped @ move + constant, dim=-1) @ side.T
            for move, constant, side in parts
        ]

    def prompts(self, lessons: Sequence[QueryLesson]) -> Tensor:
        """Returns the log odds of each card for each prompt."""
        whole = self.likeness(torch.from_numpy(np.stack([one.prompt for one in lessons])))
        counts = [len(one.phrases) for one in lessons]
        phrases = self.likeness(torch.from_numpy(np.concatenate([one.phrases for one in lessons])))
        odds = sum(w * side for w, side in zip(self.weights[0], whole, strict=True))
        for weight, side in zip(self.weights[1], phrases, strict=True):
            likest = [
                part.amax(0) if len(part) else part.sum(0) for part in torch.split(side, counts)
            ]
            odds = odds + weight * torch.stack(likest)
        return _only(odds, lessons)

    def keywords(self, lessons: Sequence[QueryLesson], vectors: Tensor) -> Tensor:
        """Returns the log odds of each card for each keyword, of the prompts of `lessons`."""
        sides = self.likeness(vectors)
        odds = sum(w * side for w, side in zip(self.weights[2], sides, strict=True))
        return _only(odds, lessons)

    def size(self) -> Tensor:
        """Returns what the maps cost for moving at all."""
        moved, constant = (
            torch.stack([(one**2).sum() for one in some]).sum()
            for some in (self.moves, self.constants)
        )
        return torch.add(DECAY * moved, CONSTANT_DECAY * constant)


def _only(odds: Tensor | int, lessons: Sequence[QueryLesson]) -> Tensor:
    admitted = torch.from_numpy(np.stack([one.admitted for one in lessons]))
    return torch.as_tensor(odds).masked_fill(~admitted, _NEVER)


def train_query(lessons: Sequence[QueryLesson], tell: Callable[[str], None]) -> QueryMaps:
    """Returns the maps; those that move nothing where there are no lessons."""
    if not lessons:
        return plain_maps(MiniLM.dimensions)
    lessons = _without_idle_cards(lessons)
    torch.manual_seed(0)
    chooser = np.random.default_rng(0)
    maps = _Maps(lessons[0].cards)
    moving = [*maps.moves, *maps.constants]
    rates = [RATE, WEIGHT_RATE]
    groups = [{"params": moving}, {"params": [maps.weights]}]
    optimizer = torch.optim.Adam(groups, RATE)
    steps = EPOCHS * -(-len(lessons) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, steps)
    for _ in range(EPOCHS):
        order = chooser.permutation(len(lessons))
        for start in range(0, len(order), BATCH):
            chosen = [lessons[n] for n in order[start : start + BATCH]]
            optimizer.zero_grad()
            _loss(maps, chosen).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    tell(f"query maps: trained on {len(lessons)} prompts")
    heading, body = (
        torch.cat([move, constant[None]]).detach().numpy()
        for move, constant in zip(maps.moves, maps.constants, strict=True)
    )
    return QueryMaps(heading, body)


def _without_idle_cards(lessons: Sequence[QueryLesson]) -> list[QueryLesson]:
    """The same lessons without the cards that are a candidate in none: often half of them."""
    kept = np.any([one.admitted for one in lessons], axis=0)
    every = lessons[0].cards
    cards = CardVectors((), (), every.headings[kept], every.bodies[kept])
    return [
        replace(
            one,
            cards=cards,
            admitted=one.admitted[kept],
            chosen=one.chosen[kept],
            keywords=tuple((vector, served[kept]) for vector, served in one.keywords),
        )
        for one in lessons
    ]


def _loss(maps: _Maps, lessons: Sequence[QueryLesson]) -> Tensor:
    loss = _unlikely(maps.prompts(lessons), [one.chosen for one in lessons])
    pairs = [(one, vector, served) for one in lessons for vector, served in one.keywords]
    if pairs:
        of, vectors, served = zip(*pairs, strict=True)
        odds = maps.keywords(of, torch.from_numpy(np.stack(vectors)))
        loss = loss + KEYWORDS * _unlikely(odds, served)
    return loss + maps.size()


def _unlikely(odds: Tensor, chosen: Sequence[np.ndarray]) -> Tensor:
    """How unlikely what was chosen is, on average; several share."""
    wanted = torch.from_numpy(np.stack(chosen)).float()
    wanted = wanted / wanted.sum(1, keepdim=True)
    return -(functional.log_softmax(odds, 1) * wanted).sum(1).mean()
