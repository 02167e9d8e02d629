"""`/stylus-admin`: the settings and the library of a workspace, for its admins.

Slack shows a command to everybody: who is an admin is checked here, each time.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from bot.audit import change_lines
from bot.slack_frontend.additions import STATUSES, Additions
from bot.slack_frontend.admin_form import read_rules, rules_form
from bot.slack_frontend.librarians import refuse_readers
from bot.slack_frontend.people import Place
from bot.slack_frontend.screens import Screen, lines_screen
from bot.slack_frontend.telling import Telling
from bot.slack_frontend.web import Web, ask
from engine.desk import Desk
from engine.errors import BadOption, NotAllowed

Handler = Callable[[Place, str], Awaitable[Screen]]


class Admin:
    """Does what admins ask for."""

    def __init__(self, desk: Desk, web: Web, additions: Additions, telling: Telling) -> None:
        self._desk = desk
        self._web = web
        self._additions = additions
        self._telling = telling
        self._library: dict[str, Handler] = {
            "add": additions.propose,
            "proposed": lambda place, _: additions.proposed(place),
            "export": lambda place, _: additions.export(place),
            "import": lambda place, _: additions.explain_import(place),
            **{word: partial(self._set, word) for word in STATUSES},
        }

    async def command(self, place: Place, text: str) -> None:
        """`settings` (or nothing), `audit`, `lora add`, `lora proposed` and so on.

        Raises `NotAllowed` for people who are no admins, the library's keepers aside, and
        `BadInput`.
        """
        word, _, rest = text.strip().partition(" ")
        if word == "lora":
            await refuse_readers(self._desk, self._web, place.asker)
        else:
            await self.refuse_others(place)
        if word in ("", "settings"):
            await self._open_settings(place)
        elif word == "audit":
            await self._telling.show(place, await self._audit(place))
        elif word == "lora":
            what, _, rest = rest.strip().partition(" ")
            await self._telling.show(place, await self._lora(what)(place, rest.strip()))
        else:
            raise BadOption(f"There is no “{word[:40]}”; there are settings, audit and lora.")

    async def refuse_others(self, place: Place) -> None:
        """Raises `NotAllowed` for people who do not administer the workspace."""
        if not await self._web.is_admin(place.asker.user):
            raise NotAllowed("Only admins of this workspace can do that; ask one of them.")

    async def save(self, place: Place, details: Mapping[str, Any]) -> None:
        """Takes the settings that were chosen, as an errand has them. Raises `NotAllowed`."""
        await self.refuse_others(place)
        await self._desk.workspaces.change(place.asker, **read_rules(details["values"]))

    def _lora(self, word: str) -> Handler:
        handler = self._library.get(word)
        if handler is None:
            known = ", ".join(self._library)
            raise BadOption(f"There is no lora “{word[:40]}”; there are {known}.")
        return handler

    async def _open_settings(self, place: Place) -> None:
        rules = await self._desk.workspaces.rules(place.asker)
        texts = await self._telling.texts(place)
        known = self._desk.settings.checkpoint_names
        view = rules_form(rules, known, place.asker.channel, texts)
        await ask(self._web.client.views_open(trigger_id=place.trigger, view=view.to_dict()))

    async def _audit(self, place: Place) -> Screen:
        texts = await self._telling.texts(place)
        changes = await self._desk.workspaces.changes(place.asker, 20)
        lines = change_lines(changes, lambda one: f"{one.at:%Y-%m-%d %H:%M}", str)
        return lines_screen(texts.audit_title, lines or [texts.audit_empty])

    async def _set(self, word: str, place: Place, adapter_id: str) -> Screen:
        return await self._additions.set_status(place, word, adapter_id)
