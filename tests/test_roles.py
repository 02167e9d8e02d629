"""Each kind of process with a database user of its own, who may do no more than it needs."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from pydantic import SecretStr
from sqlalchemy import make_url

from engine.desk import open_desk
from engine.processes import workers
from engine.processes.process import open_post
from engine.processes.rescue import move_up, rescue_jobs, rescue_requests
from engine.requests.ending import announce_end
from engine.requests.previews import drop_preview, store_preview
from engine.settings import Settings
from engine.storage.roles import RIGHTS, roles_sql
from engine.storage.tables import metadata
from engine.values import Phase
from tests.conftest import Server
from tests.samples import ADA, ask
from tests.stages import COMPOSING, RENDERING, claim, store_plan, store_renderings

PREFIX = "stylus_test"
#: What says who people are to whom, and what opens their chats.
PRIVATE = {
    "renderer": {
        "adapter_vectors",
        "audit", "duel_votes", "errands", "events", "feedback", "homes", "installations",
        "listings", "messages", "spent_images", "stars", "workspaces",
    },
    "engine": {"errands", "events", "installations", "listings", "workspaces"},
    "frontend": set(),
}  # fmt: skip


@pytest.fixture
def users(server: Server, settings: Settings) -> Iterator[dict[str, Settings]]:
    """Settings by role, each with a user who has that role alone."""
    url = make_url(settings.database.url.get_secret_value())
    with psycopg.connect(settings.database.url.get_secret_value(), autocommit=True) as owner:
        owner.execute(roles_sql(PREFIX).encode())
        owner.execute(roles_sql(PREFIX).encode())  # as after every migration
        found = {}
        for role in RIGHTS:
            user = f"{PREFIX}_{role}_user"
            owner.execute(f"create user {user} in role {PREFIX}_{role}".encode())
            own = url.set(username=user).render_as_string(hide_password=False)
            section = settings.database.model_copy(update={"url": SecretStr(own)})
            found[role] = settings.model_copy(update={"database": section})
        yield found
        for role in RIGHTS:
            for name in (f"{PREFIX}_{role}_user", f"{PREFIX}_{role}"):
                owner.execute(f"drop owned by {name}".encode())
                owner.execute(f"drop role {name}".encode())


def test_every_table_is_thought_of() -> None:
    tables = {table.name for table in metadata.tables.values()}
    for role, rights in RIGHTS.items():
        assert tables - set(rights) == PRIVATE[role], role


async def test_nobody_reads_what_is_not_theirs(users: dict[str, Settings]) -> None:
    for role, own in users.items():
        for table in PRIVATE[role]:
            with (
                psycopg.connect(own.database.url.get_secret_value()) as connection,
                pytest.raises(InsufficientPrivilege),
            ):
                connection.execute(f"select * from stylus.{table}".encode())
        with (
            psycopg.connect(own.database.url.get_secret_value()) as connection,
            pytest.raises(InsufficientPrivilege),
        ):
            connection.execute("drop table stylus.workers")


async def test_each_can_do_its_own_work(users: dict[str, Settings]) -> None:
    async with open_desk(users["frontend"]) as desk:
        made = await desk.submit(ask(images=2))
        async with (
            open_post(users["engine"]) as engine,
            engine.database.transaction() as connection,
        ):
            await workers.announce(connection, "engine", ["compose"], "cpu")
            assert await store_plan(connection, await claim(connection, COMPOSING, made.id))
            await engine.queue.defer(connection, "render", "render:builtin", made.id, 0)
        async with open_post(users["engine"]) as engine:
            for tend in (rescue_jobs, rescue_requests, move_up):
                await tend(engine)
        async with open_post(users["renderer"]) as renderer:
            manager = renderer.queue.app.job_manager
            job = await manager.fetch_job(["render:builtin"], await manager.register_worker())
            assert job
            async with renderer.database.transaction() as connection:
                claimed = await claim(connection, RENDERING, made.id)
                await store_preview(connection, made.id, b"jpeg")
                await drop_preview(connection, made.id)
                assert await store_renderings(connection, claimed)
                chat = replace(made, asker=ADA)
                await announce_end(renderer.queue, connection, chat, Phase.RENDERED)
        assert (await desk.answer(made.id)).phase is Phase.RENDERED
        await desk.workspaces.change(ADA, daily=5)
        await desk.feedback.star(made.id, ADA.user)
        assert (await desk.forgetting.person(ADA.platform, ADA.user)).requests == 1
