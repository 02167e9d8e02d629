"""What a language model said, read strictly at first and then with one repair by us.

A repair only looks at the words that came: at the object inside a fence or between sentences, or
at the tasks that were whole when the answer broke off. Nothing is guessed.
"""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.errors import CompositionRefused

#: Longer than any answer that keeps the rules.
MOST_CHARACTERS = 50_000


class TaskAnswer(BaseModel):
    """A keyword and the numbers of its adapters."""

    model_config = ConfigDict(extra="ignore")
    keyword: str
    adapters: list[int] = []


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")
    tasks: list[TaskAnswer]


@dataclass(frozen=True, slots=True)
class Answer:
    """The tasks, and whether the answer had to be repaired for them."""

    tasks: tuple[TaskAnswer, ...]
    repaired: bool


def read_answer(said: str) -> Answer:
    """Returns what was answered. Raises `CompositionRefused` where that cannot be read."""
    try:
        return Answer(tuple(_Answer.model_validate(json.loads(said)).tasks), repaired=False)
    except (ValueError, RecursionError) as error:
        tasks = _inside(said[:MOST_CHARACTERS]) or whole_tasks(said[:MOST_CHARACTERS])
        if not tasks:
            raise CompositionRefused("The LLM's answer could not be read.") from error
        return Answer(tasks, repaired=True)


def _inside(said: str) -> tuple[TaskAnswer, ...]:
    """The tasks of the first whole object, whatever stands around it."""
    try:
        return tuple(_Answer.model_validate(_object_at(said, said.index("{"))[0]).tasks)
    except (ValueError, RecursionError):
        return ()


def whole_tasks(said: str) -> tuple[TaskAnswer, ...]:
    """Returns the tasks that are whole in the beginning of an answer; a broken one is the end."""
    tasks: list[TaskAnswer] = []
    at = said.find("[") + 1
    while at and (at := said.find("{", at)) >= 0:
        try:
            found, at = _object_at(said, at)
            tasks.append(TaskAnswer.model_validate(found))
        except (ValidationError, ValueError, RecursionError):
            break
    return tuple(tasks)


def _object_at(said: str, at: int) -> tuple[Any, int]:
    return json.JSONDecoder().raw_decode(said, at)
