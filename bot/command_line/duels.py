"""`stylus duel` and `vote`: two images in an order that nobody knows, and which is better."""

from typing import Annotated

import typer

from bot.command_line.common import Json, answer_console, console_asker, run, settings_for_command
from bot.command_line.requests import OUT, Out, Seed, make_answer
from bot.duel import cast_vote, duel_result
from bot.texts import ENGLISH
from engine.desk import open_desk
from engine.values import Ask, Opponent, Overrides


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    for command in (duel, vote):
        app.command()(command)


def duel(
    text: Annotated[str, typer.Argument(help="What the images should show.")],
    against: Annotated[
        Opponent,
        typer.Option(help="No adapters, all of each idea at once, or the same at half weight."),
    ] = "base",
    seed: Seed = None,
    out: Out = OUT,
    as_json: Json = False,
) -> None:
    """Make two images to vote on, in an order that nobody knows."""
    wishes = Overrides(against=against)
    ask = Ask(asker=console_asker(), prompt=text, seed=seed, overrides=wishes)
    make_answer(lambda desk: desk.duel(ask), out, as_json)


def vote(
    request_id: str,
    image: Annotated[
        int | None, typer.Argument(min=1, max=2, help="The better image; none: how it stands.")
    ] = None,
) -> None:
    """Vote in a duel, or see how it stands."""

    async def command() -> None:
        asker = console_asker()
        async with open_desk(settings_for_command()) as desk:
            if image is None:
                lines = await duel_result(desk, request_id, asker, ENGLISH)
            else:
                lines = [await cast_vote(desk, request_id, image - 1, asker, ENGLISH)]
        for line in lines:
            answer_console().print(line, markup=False)

    run(command())
