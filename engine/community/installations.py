"""Installations: the workspaces that an app was added to, and the token it has in each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from engine.community.chat_tables import installations
from engine.storage.database import Database
from engine.storage.sealing import Sealing


@dataclass(frozen=True, slots=True)
class Installation:
    """What an app knows of a workspace that it was added to."""

    workspace: str
    name: str
    #: The app's own user there, and its id as a bot.
    bot_user: str
    bot_id: str
    token: SecretStr


@dataclass(frozen=True, slots=True)
class Installations:
    """The installations of one platform; their tokens are stored sealed, about their workspace."""

    database: Database
    platform: str
    sealing: Sealing

    async def keep(self, installation: Installation) -> None:
        """Stores an installation in the place of an earlier one. Raises `BadSettings`."""
        token = installation.token.get_secret_value()
        kept = {
            "name": installation.name,
            "bot_user": installation.bot_user,
            "bot_id": installation.bot_id,
            "sealed_token": self.sealing.seal(token, self._about(installation.workspace)),
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
        token = self.sealing.open(row.sealed_token, self._about(row.workspace))
        return Installation(row.workspace, row.name, row.bot_user, row.bot_id, SecretStr(token))

    async def drop(self, workspace: str, happened: datetime) -> bool:
        """Forgets the installation that was there at that time; one made later stays.

        Returns whether there was one.
        """
        async with self.database.transaction() as connection:
            gone = await connection.execute(
                delete(installations).where(
                    installations.c.platform == self.platform,
                    installations.c.workspace == workspace,
                    installations.c.installed_at <= happened,
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
                about = self._about(row.workspace)
                sealed = self.sealing.seal(self.sealing.open(row.sealed_token, about), about)
                await connection.execute(
                    installations.update()
                    .where(
                        installations.c.platform == self.platform,
                        installations.c.workspace == row.workspace,
                    )
                    .values(sealed_token=sealed)
                )
        return len(found)

    def _about(self, workspace: str) -> str:
        return f"{self.platform} token of {workspace}"
