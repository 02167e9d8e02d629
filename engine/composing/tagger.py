"""The tagger: which runs of a prompt's words are its keywords.

A bidirectional LSTM reads the embedder's word states and gives every run of up to eight words
the probability that the published composer would make it a keyword. The keywords are the runs
that do not overlap and whose probabilities, less a constant each, add up to the most: with half
of the reachable F1 as that constant, this maximises the expected F1 (Lewis, 1995). Trained by
`engine.learning.tagger_training`; several trainings vote. The arithmetic is numpy's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.retrieving.embedder import Reading, Vectors, gelu

#: Words of the longest keyword.
LONGEST = 8


@dataclass(frozen=True, slots=True)
class Tagger:
    """A trained tagger: what all members share, and each member's own weights."""

    #: Mean of the word states, shape (1152,), and their projection, (1152, width).
    mean: Vectors
    projection: Vectors
    members: tuple[Mapping[str, Vectors], ...]

    def probabilities(self, states: Vectors) -> Vectors:
        """Returns shape (words, LONGEST): that a keyword starts at the word and has so many."""
        x = (states - self.mean) @ self.projection
        votes = [_member(weights, x.astype(np.float32)) for weights in self.members]
        mean: Vectors = np.mean(votes, axis=0, dtype=np.float32)
        return mean


def word_states(reading: Reading, places: Sequence[tuple[int, int]]) -> Vectors:
    """Returns the mean token state of each word, shape (words that were read, 1152).

    Words behind the part of the text that the embedder reads are left out.
    """
    starts = np.array([start for start, _ in reading.places])
    ends = np.array([end for _, end in reading.places])
    rows = []
    for start, end in places:
        inside = (starts < end) & (ends > start) & (ends > starts)
        if not inside.any():
            break
        rows.append(reading.states[inside].mean(0))
    return np.array(rows, np.float32).reshape(len(rows), reading.states.shape[1])


def best_runs(scores: Vectors, joined: Sequence[bool]) -> list[tuple[int, int]]:
    """Returns the runs (first word, one behind the last) with the highest sum of scores.

    `scores[start, count - 1]` is a run's; only those above 0 pay. `joined[n]` tells whether word
    n may stand in one run with the word before it.
    """
    count = len(scores)
    best = np.zeros(count + 1)
    taken: list[int | None] = [None] * (count + 1)
    for end in range(1, count + 1):
        best[end] = best[end - 1]
        for start in range(end - 1, max(-1, end - 1 - LONGEST), -1):
            gain = best[start] + scores[start, end - start - 1]
            if gain > best[end]:
                best[end], taken[end] = gain, start
            if not joined[start]:
                break
    return _traced(taken)


def _traced(taken: Sequence[int | None]) -> list[tuple[int, int]]:
    runs = []
    end = len(taken) - 1
    while end > 0:
        start = taken[end]
        if start is not None:
            runs.append((start, end))
        end = end - 1 if start is None else start
    return runs[::-1]


def _member(w: Mapping[str, Vectors], x: Vectors) -> Vectors:
    x = gelu(x @ w["input.weight"].T + w["input.bias"])
    forward = _lstm(x, w, "")
    backward = _lstm(x[::-1], w, "_reverse")[::-1]
    h = np.concatenate([forward, backward], axis=1)
    nothing = np.zeros((1, h.shape[1]), np.float32)
    before = np.concatenate([nothing, h[:-1]]) @ w["before.weight"].T
    after = np.concatenate([h[1:], nothing]) @ w["after.weight"].T
    first = h @ w["first.weight"].T + w["first.bias"] + before
    last = h @ w["last.weight"].T + after
    sums = np.concatenate([nothing, h.cumsum(0)])
    found = np.zeros((len(x), LONGEST), np.float32)
    for n in range(min(LONGEST, len(x))):
        mean = (sums[n + 1 :] - sums[: len(x) - n]) / (n + 1)
        f = first[: len(x) - n] + last[n:] + mean @ w["mean.weight"].T + w["length.weight"][n]
        logits = gelu(f) @ w["output.weight"][0] + w["output.bias"][0]
        found[: len(x) - n, n] = 1 / (1 + np.exp(-logits))
    return found


def _lstm(x: Vectors, w: Mapping[str, Vectors], side: str) -> Vectors:
    """One direction; the gates stand in torch's order: input, forget, cell, output."""
    drive = x @ w[f"lstm.weight_ih_l0{side}"].T
    drive += w[f"lstm.bias_ih_l0{side}"] + w[f"lstm.bias_hh_l0{side}"]
    recurrent = w[f"lstm.weight_hh_l0{side}"].T
    width = recurrent.shape[0]
    h = c = np.zeros(width, np.float32)
    states = np.zeros((len(x), width), np.float32)
    for n in range(len(x)):
        gates = drive[n] + h @ recurrent
        enter, keep, leave = (_sigmoid(gates[at * width : (at + 1) * width]) for at in (0, 1, 3))
        c = keep * c + enter * np.tanh(gates[2 * width : 3 * width])
        h = states[n] = leave * np.tanh(c)
    return states


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    # Beyond that it is 0 or 1 in single precision, and exp would only warn.
    return (1 / (1 + np.exp(-np.clip(x, -60, 60)))).astype(np.float32)
