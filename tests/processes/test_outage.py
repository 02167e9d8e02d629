"""The database goes away while requests are under way, and comes back: workers outlive it."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import make_url

from engine.desk import Desk
from engine.storage.outage import closed_database, cut_connections
from engine.storage.roles import roles_sql
from engine.values import Phase
from tests.processes.installation import Installation
from tests.processes.test_crashes import until_step
from tests.processes.test_path import ask, finish


@pytest.fixture
def few_rights(idle: Installation) -> Iterator[dict[str, str]]:
    """URLs of users who may do what an engine or a renderer needs, and no more."""
    url = idle.settings.database.url.get_secret_value()
    users = {role: f"outage_{role}_user" for role in ("engine", "renderer")}
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(roles_sql("outage").encode())
        for role, user in users.items():
            owner.execute(f"create user {user} in role outage_{role}".encode())
    yield {
        role: make_url(url).set(username=user).render_as_string(hide_password=False)
        for role, user in users.items()
    }
    idle.end()
    with psycopg.connect(url, autocommit=True) as owner:
        for name in (*users.values(), "outage_engine", "outage_renderer", "outage_frontend"):
            owner.execute(f"drop owned by {name}".encode())
            owner.execute(f"drop role {name}".encode())


async def test_workers_with_few_rights_outlive_a_database_that_starts_again(
    idle: Installation, idle_desk: Desk, few_rights: dict[str, str]
) -> None:
    # On a busy machine a living worker may be thought dead, even several times.
    idle.environment |= {"STYLUS_QUEUE__STALLED": "1.5", "STYLUS_QUEUE__TRIES": "10"}
    workers = [idle.spawn(role, STYLUS_DATABASE__URL=url) for role, url in few_rights.items()]
    for worker in workers:
        worker.until(" ready ")
    under_way, next_ = await idle_desk.submit(ask(steps=120)), await idle_desk.submit(ask())
    await until_step(idle_desk, under_way)
    async with closed_database(idle.settings):
        workers[0].until("no sign of life could be written")
    await cut_connections(idle.settings)
    answers = [await finish(idle_desk, request) for request in (under_way, next_)]
    assert [one.phase for one in answers] == [Phase.RENDERED] * 2
    assert [len(one.renderings) for one in answers] == [2, 2]
    assert [worker.popen.poll() for worker in workers] == [None, None]
    assert [worker.stop() for worker in workers] == [0, 0]
