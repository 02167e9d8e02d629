"""Duels in words: what a voter is told, and what a duel's result says."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.actions import Action, Button, Click
from bot.breakdown import uses
from bot.reply import reveal_reply
from bot.texts import Texts
from engine.desk import Desk, Tally
from engine.values import Answer, Asker


@dataclass(frozen=True, slots=True)
class Announcement:
    """A result as everybody gets to see it."""

    request_id: str
    title: str
    lines: tuple[str, ...]
    #: Stands under no other message of the duel's, so that this one is found by it.
    button: Button


async def cast_vote(desk: Desk, request_id: str, image: int, asker: Asker, texts: Texts) -> str:
    """Counts a vote and returns what the voter is told. Raises `BadInput`."""
    answer = await desk.show(request_id, asker)
    tally = await desk.duels.vote(answer, asker.user, image)
    if tally is None:
        return texts.duel_once
    told = texts.duel_counted.format(number=image + 1)
    return f"{told} {_standing(tally, texts)}"


async def duel_result(desk: Desk, request_id: str, asker: Asker, texts: Texts) -> list[str]:
    """Returns how many votes are missing, or which image was which. Raises `UnknownRequest`."""
    answer = await desk.show(request_id, asker)
    tally = await desk.duels.tally(answer)
    if tally.method is None:
        return [texts.duel_alike[answer.request.overrides.against]]
    if not tally.decided:
        return [_standing(tally, texts)]
    return list(_result(answer, tally, tally.method, texts))


async def announce(desk: Desk, answer: Answer, texts: Texts) -> Announcement:
    """Returns the result of a duel that is decided."""
    tally = await desk.duels.tally(answer)
    request = answer.request
    lines = [texts.duel_alike[request.overrides.against]]
    if tally.method is not None:
        lines = list(_result(answer, tally, tally.method, texts))
    again = Button(Click(Action.REROLL, request.id), texts.reroll)
    title = texts.duel_over.format(prompt=request.prompt)
    return Announcement(request.id, title, tuple(lines), again)


def _result(answer: Answer, tally: Tally, method: int, texts: Texts) -> Iterator[str]:
    won, lost = tally.votes[method], tally.votes[1 - method]
    verdict = texts.duel_won if won > lost else texts.duel_lost if won < lost else texts.duel_drawn
    had = texts.duel_had[answer.request.overrides.against]
    yield verdict.format(number=method + 1, had=had, won=won, cast=tally.cast)
    for row in reveal_reply(answer, texts).rows:
        if row.title:
            yield f"{row.words} → {row.title} · {' · '.join(uses(row, texts))}"


def _standing(tally: Tally, texts: Texts) -> str:
    if tally.decided:
        return texts.duel_decided
    return texts.duel_open.format(cast=tally.cast, needed=tally.needed)
