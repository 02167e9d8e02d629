"""Trains the tagger's members: a bidirectional LSTM over word states, with torch."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.composing.phrases import split_words, to_phrase
from engine.composing.tagger import LONGEST, Tagger, word_states
from engine.learning.labelled import Labelled
from engine.retrieving.embedder import MiniLM, Vectors
from engine.values import fold

#: Numbers that are kept of a word's 1152.
WIDTH = 160
HIDDEN = 72
SPAN = 96
DROPOUT = 0.35
EPOCHS = 8
BATCH = 48
RATE = 2e-3
DECAY = 0.05


@dataclass(frozen=True, slots=True)
class Lesson:
    """A prompt's word states and which runs of its words are keywords."""

    states: Vectors
    #: First word and number of words less one.
    runs: tuple[tuple[int, int], ...]


def lesson(labelled: Labelled, embedder: MiniLM) -> Lesson:
    """Returns what the tagger learns from one labelled prompt."""
    words = split_words(labelled.prompt)
    states = word_states(embedder.read(labelled.prompt), [(word.start, word.end) for word in words])
    runs = [
        (start, count)
        for start in range(len(states))
        for count in range(min(LONGEST, len(states) - start))
        if fold(to_phrase(labelled.prompt, words[start : start + count + 1]).text)
        in labelled.keywords
    ]
    return Lesson(states, tuple(runs))


def train_tagger(lessons: Sequence[Lesson], members: int, tell: Callable[[str], None]) -> Tagger:
    """Returns a tagger whose members differ in their first weights and order of lessons."""
    useful = [one for one in lessons if one.runs]
    states = np.concatenate([one.states for one in useful])
    mean, projection = _principal(states)
    inputs = [torch.from_numpy((one.states - mean) @ projection) for one in useful]
    trained = []
    for seed in range(members):
        trained.append(_train_member(inputs, [one.runs for one in useful], seed))
        tell(f"tagger: {seed + 1} of {members} members trained on {len(useful)} prompts")
    return Tagger(mean, projection, tuple(trained))


def _principal(states: Vectors) -> tuple[Vectors, Vectors]:
    """The mean and the projection onto the strongest directions, scaled to like strength."""
    mean, spread = states.mean(0), states.std(0) + 1e-3
    scaled = (states - mean) / spread
    strength, directions = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    scale = np.maximum(np.sqrt(np.maximum(strength[-WIDTH:], 0)), 0.3)
    projection = directions[:, -WIDTH:] / scale / spread[:, None]
    return mean.astype(np.float32), projection.astype(np.float32)


class _Member(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.input = nn.Linear(WIDTH, WIDTH)
        self.drop = nn.Dropout(DROPOUT)
        self.lstm = nn.LSTM(WIDTH, HIDDEN, batch_first=True, bidirectional=True)
        self.first = nn.Linear(2 * HIDDEN, SPAN)
        self.last, self.mean, self.before, self.after = (
            nn.Linear(2 * HIDDEN, SPAN, bias=False) for _ in range(4)
        )
        self.length = nn.Embedding(LONGEST, SPAN)
        self.output = nn.Linear(SPAN, 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Returns logits of shape (prompts, words, LONGEST or fewer)."""
        x = self.drop(functional.gelu(self.input(self.drop(x))))
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        h, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        h = self.drop(h)
        words = h.shape[1]
        nothing = torch.zeros_like(h[:, :1])
        first = self.first(h) + self.before(torch.cat([nothing, h[:, :-1]], 1))
        last = self.last(h) + self.after(torch.cat([h[:, 1:], nothing], 1))
        sums = torch.cat([nothing, h.cumsum(1)], 1)
        logits = []
        for n in range(min(LONGEST, words)):
            mean = (sums[:, n + 1 :] - sums[:, : words - n]) / (n + 1)
            f = first[:, : words - n] + last[:, n:] + self.mean(mean) + self.length.weight[n]
            run = self.output(self.drop(functional.gelu(f)))[..., 0]
            logits.append(functional.pad(run, (0, n), value=-30.0))
        return torch.stack(logits, 2)


def _train_member(
    inputs: Sequence[Tensor], runs: Sequence[tuple[tuple[int, int], ...]], seed: int
) -> dict[str, Vectors]:
    torch.manual_seed(seed)
    order = list(range(len(inputs)))
    shuffler = random.Random(seed)
    member = _Member()
    optimizer = torch.optim.AdamW(member.parameters(), RATE, weight_decay=DECAY)
    steps = EPOCHS * -(-len(order) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=0.15)
    for _ in range(EPOCHS):
        shuffler.shuffle(order)
        for start in range(0, len(order), BATCH):
            loss = _loss(member, inputs, runs, order[start : start + BATCH])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(member.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return {name: value.numpy() for name, value in member.state_dict().items()}


def _loss(
    member: _Member,
    inputs: Sequence[Tensor],
    runs: Sequence[tuple[tuple[int, int], ...]],
    rows: Sequence[int],
) -> Tensor:
    lengths = torch.tensor([len(inputs[row]) for row in rows])
    logits = member(
        nn.utils.rnn.pad_sequence([inputs[row] for row in rows], batch_first=True), lengths
    )
    wanted, counted = torch.zeros_like(logits), torch.zeros_like(logits)
    for n, row in enumerate(rows):
        for start, count in runs[row]:
            wanted[n, start, count] = 1
        for count in range(min(LONGEST, len(inputs[row]))):
            counted[n, : len(inputs[row]) - count, count] = 1
    losses = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return (losses * counted).sum() / len(rows)
