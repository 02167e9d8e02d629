"""Librarians: who looks after a workspace's library, its admins and the people they chose."""

from bot.slack_frontend.web import Web
from engine.desk import Desk
from engine.errors import NotAllowed
from engine.values import Asker


async def keeps_library(desk: Desk, web: Web, asker: Asker) -> bool:
    """Returns whether the person looks after the library; what we know comes before asking."""
    return (await desk.workspaces.rules(asker)).keeps_library(asker) or await web.is_admin(
        asker.user
    )


async def refuse_readers(desk: Desk, web: Web, asker: Asker) -> None:
    """Raises `NotAllowed` for others."""
    if not await keeps_library(desk, web, asker):
        raise NotAllowed("Only those who look after the library here can do that; ask one of them.")
