"""Workspaces: what the admins of a server or team decide, and who changed it when."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from time import monotonic
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.community.audit import Change, load_changes, write_down
from engine.community.chat_tables import workspaces
from engine.errors import NotAllowed
from engine.storage.database import Database
from engine.values import Asker, Rules

_rules = TypeAdapter(Rules)


#: Seconds for which rules are remembered: everybody's every click asks for them.
REMEMBERED = 5.0


@dataclass(frozen=True, slots=True)
class Workspaces:
    """The rules of all workspaces. Those that another process has changed hold within seconds."""

    database: Database
    _known: dict[tuple[str, str], tuple[float, Rules]] = field(default_factory=dict)

    async def rules(self, asker: Asker) -> Rules:
        """Returns the rules of the asker's workspace; the defaults where none were set."""
        place = (asker.platform, asker.workspace)
        until, known = self._known.get(place, (0.0, None))
        if known is not None and monotonic() < until:
            return known
        async with self.database.transaction() as connection:
            return self._remember(place, await load_rules(connection, asker))

    def _remember(self, place: tuple[str, str], rules: Rules) -> Rules:
        for old in [one for one, (until, _) in self._known.items() if until < monotonic()]:
            del self._known[old]
        self._known[place] = (monotonic() + REMEMBERED, rules)
        return rules

    async def change(self, asker: Asker, **changed: Any) -> Rules:
        """Changes rules, writes down who did it, and returns the new ones.

        Whether the asker may do so is the frontend's to know: platforms have admins, we do not.
        """
        async with self.database.transaction() as connection:
            # One change after the other: none is lost between reading and writing.
            await connection.execute(
                text("select pg_advisory_xact_lock(hashtext('stylus rules'), hashtext(:place))"),
                {"place": f"{asker.platform}/{asker.workspace}"},
            )
            before = await load_rules(connection, asker)
            after = replace(before, **changed)
            await _store(connection, asker, after)
            was, now = asdict(before), asdict(after)
            details = {k: [was[k], now[k]] for k in now if was[k] != now[k]}
            if details:
                await write_down(connection, asker, "settings", details)
        return self._remember((asker.platform, asker.workspace), after)

    async def note(self, asker: Asker, action: str, **details: Any) -> None:
        """Writes something that somebody did there into the audit log."""
        async with self.database.transaction() as connection:
            await write_down(connection, asker, action, details)

    async def changes(self, asker: Asker, limit: int = 10) -> list[Change]:
        """Returns the newest entries of the workspace's audit log."""
        async with self.database.transaction() as connection:
            return await load_changes(connection, asker, limit)

    async def admit(self, asker: Asker, channels: Collection[str]) -> Rules:
        """Returns the rules if the asker may ask there; `channels` are the channel and those that
        hold it. Raises `NotAllowed` naming what is in the way and what to do."""
        rules = await self.rules(asker)
        if rules.channels and not set(rules.channels) & set(channels):
            raise NotAllowed("Stylus is not allowed in this channel; ask in one that is.")
        return rules


async def load_rules(connection: AsyncConnection, asker: Asker) -> Rules:
    """Returns the rules of the asker's workspace; the defaults where none were set."""
    kept = await connection.scalar(
        select(workspaces.c.rules).where(
            workspaces.c.platform == asker.platform, workspaces.c.workspace == asker.workspace
        )
    )
    return _rules.validate_python(kept or {})


async def _store(connection: AsyncConnection, asker: Asker, rules: Rules) -> None:
    kept = _rules.dump_python(rules, mode="json")
    row = insert(workspaces).values(platform=asker.platform, workspace=asker.workspace, rules=kept)
    await connection.execute(
        row.on_conflict_do_update(
            index_elements=["platform", "workspace"],
            set_={"rules": kept, "updated_at": text("now()")},
        )
    )
