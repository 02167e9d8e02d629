"""The first step of retrieving and composing: the prompt's ideas, in its own words."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from engine.composing.phrases import Phrase, Word, plain_runs, split_words, to_phrase
from engine.composing.tagger import LONGEST, Tagger, best_runs, word_states
from engine.retrieving.embedder import MiniLM, Vectors

#: Words that people put into prompts by habit and that draw nothing.
HABITS = frozenset(
    """masterpiece best quality high highly detailed ultra hd uhd 4k 8k hdr absurdres highres
    resolution res extremely intricate details detail official wallpaper amazing stunning
    beautiful sharp focus trending artstation""".split()
)
#: Expected number of keywords in a stretch of words from which on one is taken of it.
SOME_KEYWORD = 0.5
#: Lower than any probability: what no keyword may be.
_NEVER = -1.0


@dataclass(frozen=True, slots=True)
class Segmented:
    """A prompt's vector, its keywords in its order, and their vectors (keywords, 384)."""

    vector: Vectors
    phrases: tuple[Phrase, ...]
    vectors: Vectors


_NO_VECTORS: Vectors = np.zeros((0, MiniLM.dimensions), np.float32)
#: Of a prompt that nobody segmented.
NO_WORDS = Segmented(np.zeros(MiniLM.dimensions, np.float32), (), _NO_VECTORS)


def segment(prompt: str, embedder: MiniLM, tagger: Tagger, threshold: float) -> Segmented:
    """Returns the prompt's keywords: runs of its words that do not overlap, none for no words."""
    words = split_words(prompt)
    reading = embedder.read(prompt)
    states = word_states(reading, [(word.start, word.end) for word in words])
    runs: list[tuple[int, int]] = []
    if len(states):
        scores = _scores(tagger.probabilities(states), words)
        runs = best_runs(scores - np.float32(threshold), [word.joined for word in words])
        runs += _unsure(scores, words, runs)
    runs = sorted(runs + _left_out(words, runs, len(states)))
    found = (to_phrase(prompt, words[start:end]) for start, end in runs)
    phrases = tuple({phrase.words: phrase for phrase in found}.values())
    return Segmented(reading.vector, phrases, embedder.embed([p.text for p in phrases]))


def _unsure(
    probabilities: Vectors, words: Sequence[Word], runs: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """The likeliest keyword of each stretch in which there is one, but unsure which."""
    taken = {n for start, end in runs for n in range(start, end)}
    found = []
    for first, behind in plain_runs(list(words[: len(probabilities)])):
        inside = {
            (start, end): float(probabilities[start, end - start - 1])
            for start in range(first, behind)
            for end in range(start + 1, min(behind, start + LONGEST) + 1)
        }
        expected = sum(max(0.0, p) for p in inside.values())
        if expected >= SOME_KEYWORD and taken.isdisjoint(range(first, behind)):
            found.append(max(inside, key=lambda run: inside[run]))
    return found


def _scores(probabilities: Vectors, words: Sequence[Word]) -> Vectors:
    scores = probabilities.copy()
    empty = [word.idle or word.folded in HABITS for word in words]
    for start in range(len(scores)):
        for count in range(LONGEST):
            if all(empty[start : start + count + 1]):
                scores[start, count] = _NEVER
    return scores


def _left_out(
    words: Sequence[Word], runs: Sequence[tuple[int, int]], read: int
) -> list[tuple[int, int]]:
    """Ideas between punctuation marks of which no word was taken, and all that was not read.

    The tagger learned from sentences; in a list of words each entry is an idea of its own.
    """
    taken = {n for start, end in runs for n in range(start, end)}
    entries = [(first, behind) for first, behind in _entries(words) if behind - first < len(words)]
    found = [(read, len(words))] if read < len(words) else []
    found += [entry for entry in entries if taken.isdisjoint(range(*entry)) and entry[1] <= read]
    return [
        (first + start, first + end)
        for first, behind in found
        for start, end in plain_runs(list(words[first:behind]))
        if not all(word.folded in HABITS for word in words[first + start : first + end])
    ]


def _entries(words: Sequence[Word]) -> list[tuple[int, int]]:
    """The runs of words between punctuation marks."""
    ends = [n for n, word in enumerate(words) if n and not word.joined]
    return list(pairwise([0, *ends, len(words)])) if words else []
