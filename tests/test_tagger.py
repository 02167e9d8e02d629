"""The tagger: the same numbers as torch's, the best runs, and weights that come back as saved."""

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from engine.composing.local_model import SHIPPED, load_model, read_model
from engine.composing.phrases import split_words
from engine.composing.segmentation import segment
from engine.composing.tagger import LONGEST, Tagger, best_runs, word_states
from engine.errors import ComposerUnavailable
from engine.retrieving.embedder import MiniLM, Vectors
from engine.values import is_part_of


def keywords(prompt: str, embedder: MiniLM) -> list[str]:
    model = load_model()
    found = segment(prompt, embedder, model.tagger, model.keyword_threshold)
    assert found.vectors.shape == (len(found.phrases), embedder.dimensions)
    return [phrase.text for phrase in found.phrases]


def test_it_computes_what_torch_computes(embedder: MiniLM) -> None:
    import torch

    from engine.learning.tagger_training import _Member

    prompt = "a woolly mammoth walks over a bridge in the fog of an early morning"
    tagger = load_model().tagger
    places = [(word.start, word.end) for word in split_words(prompt)]
    states = word_states(embedder.read(prompt), places)
    inputs = torch.from_numpy((states - tagger.mean) @ tagger.projection)[None]
    wanted = np.zeros((len(states), LONGEST))
    for weights in tagger.members:
        member = _Member().train(False)
        member.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
        with torch.no_grad():
            wanted += torch.sigmoid(member(inputs, torch.tensor([len(states)])))[0].numpy()
    wanted /= len(tagger.members)
    assert np.abs(tagger.probabilities(states) - wanted).max() < 1e-4
    assert wanted.max() > 0.5


@st.composite
def scored(draw: st.DrawFn) -> Vectors:
    count = draw(st.integers(1, 6))
    numbers = st.lists(st.integers(-9, 9), min_size=LONGEST, max_size=LONGEST)
    return np.array([draw(numbers) for _ in range(count)], np.float32)


@given(scored())
def test_the_runs_are_the_best_that_do_not_overlap(scores: Vectors) -> None:
    every = [(a, b) for a in range(len(scores)) for b in range(a + 1, len(scores) + 1)]
    value = {(a, b): float(scores[a, b - a - 1]) for a, b in every}
    sets = (c for n in range(len(scores) + 1) for c in combinations(every, n))
    apart = (c for c in sets if all(x[1] <= y[0] for x, y in combinations(sorted(c), 2)))
    best = max(sum(value[run] for run in runs) for runs in apart)
    found = best_runs(scores, [True] * len(scores))
    assert sum(value[run] for run in found) == best
    assert all(one[1] <= other[0] for one, other in pairwise(found))


def test_no_run_goes_over_punctuation() -> None:
    scores = np.full((3, LONGEST), 0.1, np.float32)
    scores[0, 2] = 9
    assert best_runs(scores, [False, True, True]) == [(0, 3)]
    assert best_runs(scores, [False, True, False]) == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("a yellow star on a starry night sky", ["yellow star", "starry night sky"]),
        (
            "masterpiece, best quality, cyberpunk city, Neon Rain",
            ["cyberpunk city", "Neon Rain"],
        ),
        ("A MAN RIDING A HORSE", ["RIDING", "HORSE"]),
        ("a cat, a cat, a cat", ["cat"]),
        ("🔥🔥", []),
        ("", []),
        ("of the and", []),
    ],
)
def test_keywords_are_ideas_in_the_prompts_own_spelling(
    embedder: MiniLM, prompt: str, found: list[str]
) -> None:
    assert keywords(prompt, embedder) == found


def test_a_prompt_longer_than_the_embedder_reads_is_segmented_to_its_end(embedder: MiniLM) -> None:
    found = keywords("a fox and " * 200 + "a zeppelin", embedder)
    assert found == ["fox", "zeppelin"]


@given(st.text(max_size=60))
@hypothesis_settings(max_examples=25)
def test_any_text_has_keywords_of_its_own_words(embedder: MiniLM, prompt: str) -> None:
    found = keywords(prompt, embedder)
    assert all(is_part_of(keyword, prompt) for keyword in found)
    assert len({keyword.casefold() for keyword in found}) == len(found)


def test_weights_come_back_as_saved_and_fit_the_budget(tmp_path: Path) -> None:
    model = load_model()
    model.save(tmp_path / "again.safetensors")
    again = read_model(tmp_path / "again.safetensors")
    assert again.keyword_threshold == model.keyword_threshold
    assert (again.scorer.weights == model.scorer.weights).all()
    assert isinstance(again.tagger, Tagger)
    assert (again.tagger.members[-1]["lstm.weight_hh_l0"]).any()
    assert SHIPPED.stat().st_size <= 5_000_000


def test_damaged_weights_are_said(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"\x08")
    with pytest.raises(ComposerUnavailable, match=r"bad\.safetensors cannot be read"):
        read_model(tmp_path / "bad.safetensors")
