"""What language each person reads: Slack knows it, and we ask once an hour."""

import asyncio
from time import monotonic

from bot.slack_frontend.web import SlackRefused, Web, ask
from bot.texts import Texts, texts_for
from engine.errors import StylusError
from engine.values import Asker

#: Seconds for which a language is remembered, and people of whom it is.
REMEMBERED, PEOPLE = 3600.0, 10_000
#: Seconds that nobody has to wait longer for: without an answer we speak English.
PATIENCE = 0.25


class Languages:
    """The languages of one workspace's people."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._known: dict[tuple[str, str], tuple[float, str]] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def of(self, asker: Asker) -> Texts:
        """Returns the texts in the person's language."""
        return texts_for(await self.locale(asker))

    async def locale(self, asker: Asker) -> str:
        """Returns the person's locale such as "de-DE"; '' where Slack does not tell it."""
        person = (asker.workspace, asker.user)
        until, known = self._known.get(person, (0.0, ""))
        if monotonic() < until:
            return known
        asking = self._asking.get(person)
        if asking is None:
            asking = self._asking[person] = asyncio.create_task(self._learn(asker))
            asking.add_done_callback(lambda _: self._asking.pop(person, None))
        await asyncio.wait({asking}, timeout=PATIENCE)
        return self._known.get(person, (0.0, known))[1]

    async def _learn(self, asker: Asker) -> None:
        """Asks Slack; an answer that comes too late for this time is there the next."""
        client = self._web.hasty_client
        try:
            answer = await ask(client.users_info(user=asker.user, include_locale=True))
            found = str(answer["user"].get("locale", ""))
        except SlackRefused:
            found = ""
        except StylusError:
            return
        if len(self._known) >= PEOPLE:
            self._known.clear()
        self._known[(asker.workspace, asker.user)] = (monotonic() + REMEMBERED, found)
