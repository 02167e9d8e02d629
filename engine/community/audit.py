"""The audit log: who changed what and when, in a chat or at a terminal; kept for good.

An entry belongs to the place whose people it concerns: what an operator does to a workspace's
adapter is seen there, what they do to everybody's is seen everywhere.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.community.chat_tables import audit
from engine.values import Adapter, Asker

#: What operators are called, who work at a terminal.
TERMINAL = "console"
#: Characters of a value that are kept.
KEPT = 200


@dataclass(frozen=True, slots=True)
class Change:
    """One entry: each thing that was changed, with its values before and after."""

    user: str
    action: str
    details: dict[str, Any]
    at: datetime
    platform: str = ""
    workspace: str = ""


async def write_down(
    connection: AsyncConnection, by: Asker, action: str, details: dict[str, Any]
) -> None:
    """Writes down what somebody did, in the transaction that does it."""
    await connection.execute(
        insert(audit).values(
            platform=by.platform,
            workspace=by.workspace,
            user_id=by.user,
            action=action,
            details=details,
        )
    )


async def write_down_adapter(
    connection: AsyncConnection, by: Asker, adapter: Adapter, details: dict[str, Any]
) -> None:
    """The same for an adapter; its workspace sees what operators do. Long values are cut."""
    if by.platform == TERMINAL:
        by = replace(by, workspace=adapter.workspace)
    cut = {name: [_cut(was), _cut(now)] for name, (was, now) in details.items()}
    await write_down(connection, by, "lora", cut)


def _cut(value: Any) -> Any:
    return value[:KEPT] if isinstance(value, str) else value


async def load_changes(connection: AsyncConnection, seen_by: Asker, limit: int) -> list[Change]:
    """Returns the newest entries that concern the workspace."""
    here = and_(audit.c.platform == seen_by.platform, audit.c.workspace == seen_by.workspace)
    by_operators = and_(
        audit.c.platform == TERMINAL,
        audit.c.action == "lora",
        audit.c.workspace.in_(("", seen_by.workspace)),
    )
    return await _load(connection, select(audit).where(or_(here, by_operators)), limit)


async def load_all_changes(connection: AsyncConnection, limit: int) -> list[Change]:
    """Returns the newest entries of all places, for operators."""
    return await _load(connection, select(audit), limit)


async def _load(connection: AsyncConnection, wanted: Select[Any], limit: int) -> list[Change]:
    rows = await connection.execute(wanted.order_by(audit.c.id.desc()).limit(limit))
    return [
        Change(row.user_id, row.action, row.details, row.at, row.platform, row.workspace)
        for row in rows
    ]
