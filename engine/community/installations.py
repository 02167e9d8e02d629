"""Installations: the workspaces that an app was added to, and the token it has in each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import SecretStr
from sqlalchemy import ColumnElement, Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from engine.community.chat_tables import installations
from engine.storage.database import Database
from engine.storage.sealing import Sealing

NONE = SecretStr("")


@dataclass(frozen=True, slots=True)
class Installation:
    """What an app knows of a workspace that it was added to."""

    workspace: str
    name: str
    #: The app's own user there, and its id as a bot.
    bot_user: str
    bot_id: str
    token: SecretStr
    #: What buys the next token, and when this one ends; empty and None where it does not.
    refresh: SecretStr = NONE
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Installations:
    """The installations of one platform; their tokens are stored sealed, about their workspace."""

    database: Database
    platform: str
    sealing: Sealing

    async def keep(self, installation: Installation) -> None:
        """Stores an installation in the place of an earlier one. Raises `BadSettings`."""
        kept = {
            "name": installation.name,
            "bot_user": installation.bot_user,
            "bot_id": installation.bot_id,
            **self._sealed(installation),
        }
        row = insert(installations).values(
            platform=self.platform, workspace=installation.workspace, **kept
        )
        async with self.database.transaction() as connection:
            await connection.execute(
                row.on_conflict_do_update(
                    index_elements=["platform", "workspace"],
                    set_={**kept, "installed_at": func.now()},
                )
            )

    async def find(self, workspaces: Sequence[str]) -> Installation | None:
        """Returns the installation of the first of these workspaces that has one.

        Raises `Unsealable`.
        """
        async with self.database.transaction() as connection:
            rows = await connection.execute(
                select(installations).where(
                    installations.c.platform == self.platform,
                    installations.c.workspace.in_(workspaces),
                )
            )
            found = {row.workspace: row for row in rows}
        row = next((found[one] for one in workspaces if one in found), None)
        if row is None:
            return None
        return self._opened(row)

    async def ending(self, before: datetime) -> list[Installation]:
        """Returns those whose token ends before that time. Raises `Unsealable`."""
        async with self.database.transaction() as connection:
            rows = await connection.execute(
                select(installations)
                .where(
                    installations.c.platform == self.platform, installations.c.expires_at < before
                )
                .order_by(installations.c.expires_at, installations.c.workspace)
            )
            return [self._opened(row) for row in rows]

    async def renew(self, old: Installation, new: Installation) -> bool:
        """Stores the next tokens; returns False where others have come meanwhile, which stay."""
        async with self.database.transaction() as connection:
            changed = await connection.execute(
                installations.update()
                .where(*self._key(old.workspace), installations.c.expires_at == old.expires_at)
                .values(**self._sealed(new))
            )
            return changed.rowcount > 0

    async def drop(self, workspace: str, happened: datetime) -> bool:
        """Forgets the installation that was there at that time; one made later stays.

        Returns whether there was one.
        """
        async with self.database.transaction() as connection:
            gone = await connection.execute(
                delete(installations).where(
                    *self._key(workspace), installations.c.installed_at <= happened
                )
            )
            return gone.rowcount > 0

    async def reseal(self) -> int:
        """Seals all tokens with the first key, so that the others can go; returns how many.

        Raises `Unsealable` where one was sealed with a key that is not there any more.
        """
        async with self.database.transaction() as connection:
            rows = await connection.execute(
                select(installations)
                .where(installations.c.platform == self.platform)
                .with_for_update()
            )
            found = rows.all()
            for row in found:
                sealed = self._sealed(self._opened(row))
                await connection.execute(
                    installations.update().where(*self._key(row.workspace)).values(**sealed)
                )
        return len(found)

    def _key(self, workspace: str) -> tuple[ColumnElement[bool], ...]:
        where = installations.c.platform == self.platform
        return where, installations.c.workspace == workspace

    def _sealed(self, installation: Installation) -> dict[str, Any]:
        """The columns of its tokens. Raises `BadSettings`."""
        workspace, seal = installation.workspace, self.sealing.seal
        refresh = installation.refresh.get_secret_value()
        return {
            "sealed_token": seal(installation.token.get_secret_value(), self._about(workspace)),
            "sealed_refresh": seal(refresh, self._about_next(workspace)) if refresh else None,
            "expires_at": installation.expires_at,
        }

    def _opened(self, row: Row[Any]) -> Installation:
        """Raises `Unsealable`."""
        workspace, refresh = row.workspace, ""
        token = self.sealing.open(row.sealed_token, self._about(workspace))
        if row.sealed_refresh is not None:
            refresh = self.sealing.open(row.sealed_refresh, self._about_next(workspace))
        return Installation(
            workspace=workspace,
            name=row.name,
            bot_user=row.bot_user,
            bot_id=row.bot_id,
            token=SecretStr(token),
            refresh=SecretStr(refresh),
            expires_at=row.expires_at,
        )

    def _about(self, workspace: str) -> str:
        return f"{self.platform} token of {workspace}"

    def _about_next(self, workspace: str) -> str:
        return f"next {self.platform} token of {workspace}"
