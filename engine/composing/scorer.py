"""The scorer: how well a card serves a keyword, and how likely none should.

Two learned linear models over few features, so that every choice can be explained: a card's
usefulness for a keyword (softmax over the candidates), and from the best card, the keyword and
the prompt the probability that "no adapter" is the answer. Trained by
`engine.learning.scorer_training`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.composing.phrases import Phrase
from engine.retrieving.embedder import Vectors
from engine.retrieving.retrieval import Retrieval
from engine.values import Adapter, fold

Numbers = NDArray[np.float64]

#: Words that draw nothing by themselves; they cover nothing of a name.
_SMALL = frozenset(
    "a an the and or of in on at by to for from with is are his her its their".split()
)

#: Texts whose words are kept: every keyword of a prompt is held against the same cards.
KEPT = 10_000

#: What is known of a keyword and a card, in the order of `card_features`.
CARD_FEATURES = (
    "keyword ~ heading",
    "keyword ~ body",
    "prompt ~ heading",
    "prompt ~ body",
    "keyword's words in the title",
    "keyword's words in the trigger words",
    "keyword's words in the tags",
    "keyword's words in any of them",
    "title's words in the keyword",
    "a trigger word is in the keyword",
    "prompt's words in the title and tags",
    "length of the title",
    "no description",
)


@dataclass(frozen=True, slots=True)
class Scorer:
    """Trained weights; `mean` and `spread` bring the features to like size."""

    mean: Numbers
    spread: Numbers
    weights: Numbers
    #: Of the keyword's vector, half the prompt's vector and three plain numbers, and a constant.
    keyword_weights: Numbers
    none_mean: Numbers
    none_spread: Numbers
    none_weights: Numbers

    def usefulness(self, features: Numbers) -> Numbers:
        """Returns one number for each card, higher is better; `features` are a keyword's."""
        return ((features - self.mean) / self.spread) @ self.weights

    def none_probability(self, features: Numbers, keyword: Numbers) -> float:
        """Returns the probability that no card should serve the keyword."""
        known = none_features(features, self.usefulness(features), self.keyword_logit(keyword))
        scaled = with_one((known - self.none_mean) / self.none_spread)
        return sigmoid(float(scaled @ self.none_weights))

    def keyword_logit(self, keyword: Numbers) -> float:
        """Returns the log odds of "none" as far as keyword and prompt tell, no card seen."""
        return float(with_one(keyword) @ self.keyword_weights)


def keyword_features(phrase: Phrase, vector: Vectors, prompt: Vectors) -> Numbers:
    """Returns what tells a keyword that is seldom served, such as “man”, shape (770,)."""
    count = len(phrase.words)
    return np.concatenate([vector, prompt * 0.5, [np.log(max(1, count)), count == 1]]).astype(float)


def card_features(
    phrase: Phrase, vector: Vectors, prompt_words: frozenset[str], retrieval: Retrieval
) -> Numbers:
    """Returns shape (candidates, len(CARD_FEATURES)) for one keyword."""
    prompt = retrieval.segmented.vector
    meaning = np.stack(
        [
            retrieval.headings @ vector,
            retrieval.bodies @ vector,
            retrieval.headings @ prompt,
            retrieval.bodies @ prompt,
        ],
        axis=1,
    ).astype(float)
    keyword = stems(" ".join(phrase.words))
    rows = [name_features(keyword, prompt_words, c.adapter) for c in retrieval.candidates]
    names = np.array(rows).reshape(len(rows), len(CARD_FEATURES) - meaning.shape[1])
    return np.concatenate([meaning, names], axis=1)


def name_features(
    keyword: frozenset[str], prompt: frozenset[str], adapter: Adapter
) -> Sequence[float]:
    """Returns how the words of keyword and prompt meet the card's names."""
    title = stems(adapter.title)
    triggers = [stems(words) for words in adapter.trigger_words]
    trigger_words = frozenset().union(*triggers)
    tags = stems(" ".join(adapter.tags))
    return (
        _share(keyword, title),
        _share(keyword, trigger_words),
        _share(keyword, tags),
        _share(keyword, title | trigger_words | tags),
        len(title & keyword) / max(1, len(title)),
        float(any(words and words <= keyword for words in triggers)),
        _share(prompt, title | tags),
        float(np.log1p(len(title))),
        float(not adapter.description),
    )


def none_features(features: Numbers, usefulness: Numbers, keyword_logit: float) -> Numbers:
    """Returns what tells whether the best card is good enough."""
    order = np.argsort(-usefulness)
    best = usefulness[order[0]]
    second = usefulness[order[1]] if len(order) > 1 else best
    return np.array(
        [
            keyword_logit,
            best,
            best - second,
            best - usefulness[order[:10]].mean(),
            *features[order[0]],
            features[:, 0].max(),
            features[:, 7].max(),
        ]
    )


@lru_cache(maxsize=KEPT)
def stems(text: str) -> frozenset[str]:
    """Returns the text's words without plural endings; a word counts once."""
    words = fold(text).split()
    return frozenset(_stem(word) for word in words if word not in _SMALL) or frozenset(words)


def sigmoid(x: float) -> float:
    """Returns the probability of log odds."""
    return float(1 / (1 + np.exp(-np.clip(x, -60, 60))))


def with_one(x: Numbers) -> Numbers:
    """Returns the features with a constant behind them, for rows too."""
    return np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)


def _share(part: frozenset[str], whole: frozenset[str]) -> float:
    return len(part & whole) / max(1, len(part))


def _stem(word: str) -> str:
    """Without the plural's s, in American spelling: “colours” and “color” are one word."""
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return f"{word[:-3]}or" if len(word) > 5 and word.endswith("our") else word
