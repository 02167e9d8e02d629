"""The local composer: tasks and their adapters without a language model.

Every run of words inside a phrase of the prompt is held against every candidate, by meaning
(cosine of the embeddings) and by name (the adapter's trigger words, title and tags). The best
pairs are taken greedily as long as their words do not overlap; an idea that nothing matches
well keeps an empty list, since "no adapter" is a good answer.
"""

import re
from dataclasses import dataclass

from engine.embedder import MiniLM, Vectors
from engine.phrases import Phrase, sub_phrases
from engine.retriever import Retrieval
from engine.values import Adapter, Candidate, Composition, Pick, Task

#: A match below this is none. Half of it is meaning, half is name; see `_score`.
THRESHOLD = 0.52
#: Further adapters of a task must come this close to its first.
MARGIN = 0.12


@dataclass(frozen=True, slots=True)
class _Match:
    """One run of words held against one candidate."""

    score: float
    phrase: int
    part: Phrase
    candidate: Candidate
    named: bool


def compose_locally(
    prompt: str, retrieval: Retrieval, embedder: MiniLM, per_task: int, total: int
) -> Composition:
    """Returns the composition; at most `per_task` adapters a task and `total` in all."""
    parts = sub_phrases(prompt)
    matches = _matches(parts, retrieval, embedder)
    chosen = _choose(matches, per_task, total)
    return Composition(prompt, tuple(_tasks(prompt, parts, chosen)), composer="local")


def _matches(parts: list[list[Phrase]], retrieval: Retrieval, embedder: MiniLM) -> list[_Match]:
    flat = [(n, part) for n, phrase in enumerate(parts) for part in phrase]
    if not flat or not retrieval.candidates:
        return []
    meaning = embedder.embed([part.text for _, part in flat]) @ retrieval.headings.T
    found = [
        match
        for row, (n, part) in enumerate(flat)
        for match in _match_part(n, part, meaning[row], retrieval.candidates)
    ]
    return sorted(found, key=lambda m: (-m.score, -m.part.count, m.candidate.adapter.id))


def _match_part(
    n: int, part: Phrase, meaning: Vectors, candidates: tuple[Candidate, ...]
) -> list[_Match]:
    found = []
    for column, candidate in enumerate(candidates):
        name = name_match(part, candidate.adapter)
        score = _score(float(meaning[column]), name)
        if score >= THRESHOLD:
            found.append(_Match(score, n, part, candidate, name >= 1))
    return found


def _score(meaning: float, name: float) -> float:
    return 0.5 * meaning + 0.5 * name if name else meaning * 0.85


def name_match(part: Phrase, adapter: Adapter) -> float:
    """Returns how much of the words the adapter's own names cover: 1.0 for all of them.

    Trigger words and the title count in full, tags a little less. Whole words are compared, so
    that "bond" never finds "bondage".
    """
    words = {_stem(word) for word in part.words}
    names = _stems(adapter.title, *adapter.trigger_words)
    tags = _stems(*adapter.tags) - names
    return (len(words & names) + 0.8 * len(words & tags)) / len(words)


def _stems(*texts: str) -> set[str]:
    return {_stem(word) for text in texts for word in re.findall(r"[^\W_]+", text.casefold())}


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _choose(matches: list[_Match], per_task: int, total: int) -> list[_Match]:
    """Greedy, best first: words and adapters are given away once."""
    chosen: list[_Match] = []
    for match in matches:
        if len(chosen) == total:
            break
        if any(match.candidate.adapter.id == c.candidate.adapter.id for c in chosen):
            continue
        rivals = [c for c in chosen if c.phrase == match.phrase and _overlap(c.part, match.part)]
        if not rivals or _joins(match, rivals, per_task):
            chosen.append(match)
    return chosen


def _joins(match: _Match, rivals: list[_Match], per_task: int) -> bool:
    """Whether a match may stand beside the earlier ones for the very same words."""
    same = all(rival.part == match.part for rival in rivals)
    return same and len(rivals) < per_task and match.score >= rivals[0].score - MARGIN


def _overlap(one: Phrase, other: Phrase) -> bool:
    return bool(set(one.words) & set(other.words))


def _tasks(prompt: str, parts: list[list[Phrase]], chosen: list[_Match]) -> list[Task]:
    tasks = []
    for n, phrase in enumerate(parts):
        mine = [match for match in chosen if match.phrase == n]
        served = dict.fromkeys(match.part for match in mine)
        if not served:
            tasks.append(Task(phrase[0].text, ()))
        elif len(served) == 1:  # the words around it belong to the idea: "red star", not "star"
            tasks.append(Task(phrase[0].text, tuple(map(to_pick, mine))))
        else:
            for part in sorted(served, key=lambda p: phrase[0].text.find(p.text)):
                tasks.append(Task(part.text, tuple(to_pick(m) for m in mine if m.part == part)))
    return tasks


def to_pick(match: _Match) -> Pick:
    """Returns the pick of a match, with a reason made from the card and the words."""
    if match.named:
        reason = f"its name or trigger words have “{match.part.text}”"
    else:
        reason = f"its card is close in meaning to “{match.part.text}”"
    return pick_adapter(match.candidate.adapter, match.score, reason)


def pick_adapter(adapter: Adapter, score: float, reason: str) -> Pick:
    """Returns a pick of the adapter at its card's weight."""
    return Pick(
        adapter_id=adapter.id,
        source=adapter.source,
        source_id=adapter.source_id,
        title=adapter.title,
        sha256=adapter.sha256,
        blob=adapter.blob,
        trigger_words=adapter.trigger_words,
        weight=adapter.weight,
        score=round(score, 4),
        reason=reason,
        link=adapter.link,
        creator=adapter.creator,
        licence=adapter.licence,
    )
