"""Following up: the requests that a button or a reaction makes of an earlier one."""

from bot.actions import Action, Click
from engine.desk import Desk
from engine.values import Asker, Home, Overrides, Request


async def follow_up(desk: Desk, click: Click, asker: Asker, origin: str, home: Home) -> Request:
    """Stores the request that a click asks for. Raises `BadInput`."""
    index = click.index or 0
    match click.action:
        case Action.REROLL:
            return await desk.reroll(click.request_id, asker, origin, home)
        case Action.RETRY:
            return await desk.retry(click.request_id, asker, origin, home)
        case Action.UPSCALE:
            return await desk.upscale(click.request_id, index, asker, origin=origin, home=home)
        case Action.COMPARE:
            without = Overrides(adapters="none")
            return await desk.revise(click.request_id, without, asker, origin, home)
        case _:
            return await desk.vary(click.request_id, index, asker, origin, home)
