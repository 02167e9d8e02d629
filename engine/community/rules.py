"""The rules that every composition keeps, whoever composed it.

`Composition` itself refuses keywords that are not in the prompt and adapters used twice; the
rest needs the candidates and the limits.
"""

from collections.abc import Sequence

from engine.settings import Composer as Limits
from engine.values import Adapter, Candidate, Composition, Pick, fold, is_part_of


def broken_rules(
    composition: Composition, candidates: Sequence[Candidate], limits: Limits
) -> tuple[str, ...]:
    """Returns a sentence for every rule that the composition breaks."""
    known = {candidate.adapter.id: candidate.adapter for candidate in candidates}
    found = [
        f"“{task.keyword}” has {len(task.picks)} adapters; {limits.per_task} are allowed."
        for task in composition.tasks
        if len(task.picks) > limits.per_task
    ]
    if len(composition.picks) > limits.total:
        found.append(f"There are {len(composition.picks)} adapters; {limits.total} are allowed.")
    for pick in composition.picks:
        found += _broken_by(pick, known.get(pick.adapter_id), composition.prompt)
    words = [fold(task.keyword) for task in composition.tasks]
    found += [f"“{word}” is a task twice." for word in sorted(set(words)) if words.count(word) > 1]
    return tuple(found)


def _broken_by(pick: Pick, adapter: Adapter | None, prompt: str) -> list[str]:
    if adapter is None:
        return [f"Adapter {pick.adapter_id} was no candidate."]
    if pick.weight != adapter.weight:
        return [f"The weight of {pick.adapter_id} is not its card's."]
    if adapter.kind and not any(is_part_of(name, prompt) for name in adapter.names):
        return [f"{pick.adapter_id} depicts somebody whom the prompt does not name."]
    return []
