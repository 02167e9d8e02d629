"""No secret of the settings reaches a log, an error, a finding, a row or a file.

Every setting that hides its value gets one that is looked for afterwards; a new one cannot be
forgotten. The servers that are asked answer with all that they were told, keys included.
"""

import base64
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from aiohttp import web
from pydantic import BaseModel, SecretStr
from sqlalchemy import make_url, text

from engine.composing.llm_client import open_client
from engine.configuration import load_settings
from engine.desk import Desk, open_desk
from engine.operations.doctor import examine
from engine.operations.log import configure_log
from engine.processes.jobs import run_stage
from engine.processes.process import Post
from engine.requests.ledger import Claim
from engine.settings import Settings
from engine.storage.tables import metadata
from engine.values import Phase
from tests.loopback_llm import LoopbackLlm
from tests.samples import ask

CANARY = "canary-5ecret"


def secret_settings(model: type[BaseModel] = Settings) -> Iterator[str]:
    """Yields the names of all settings that hide their value, levels with two underscores."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if kind is SecretStr:
            yield name.upper()
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (f"{name.upper()}__{inner}" for inner in secret_settings(kind))


def canaries(database_url: str) -> dict[str, str]:
    """Returns a value for each of them; two have a form of their own."""
    values = {name: f"{CANARY}-{name.lower()}" for name in secret_settings()}
    password = make_url(database_url).set(password=CANARY)
    values["DATABASE__URL"] = password.render_as_string(hide_password=False)
    values["SLACK__TOKEN_KEYS"] = base64.b64encode(CANARY.ljust(32, "x").encode()).decode()
    return values


@pytest.fixture
def secret(
    settings: Settings,
    database_url: str,
    loopback_llm: LoopbackLlm,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Settings in which every secret is set, and every server answers with what it was sent."""

    async def echo(request: web.Request) -> web.StreamResponse:
        return web.Response(status=401, text=f"{dict(request.headers)} {await request.text()}")

    loopback_llm._handler = echo
    told = {
        "LLM__BASE_URL": loopback_llm.url, "LLM__MODEL": "m", "LOG__LEVEL": "debug",
        "EMBEDDINGS__KIND": "api", "EMBEDDINGS__BASE_URL": loopback_llm.url,
        "EMBEDDINGS__MODEL": "m",
    }  # fmt: skip
    for name, value in (canaries(database_url) | told).items():
        monkeypatch.setenv(f"STYLUS_{name}", value)
    return load_settings()


async def everything_stored(desk: Desk) -> str:
    async with desk.database.transaction() as connection:
        tables = [
            await connection.scalars(text(f"select t::text from {table.name} t"))
            for table in metadata.tables.values()
        ]
    files = [path for path in desk.settings.home.rglob("*") if path.is_file()]
    return "\n".join([*(row for rows in tables for row in rows), *map(str, files)])


async def ask_the_model(post: Post, _: Claim) -> None:
    """Fails with our sentence."""
    async with open_client(post.settings.llm) as client:
        await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hello"}]
        )


async def trip(post: Post, claimed: Claim) -> None:
    """Fails as a mistake of ours does, with all that is at hand in its words."""
    raise RuntimeError(f"{post!r} {claimed!r}")


async def test_no_secret_shows_anywhere(secret: Settings, loopback_llm: LoopbackLlm) -> None:
    assert len(list(secret_settings())) >= 12
    said: list[Any] = [repr(secret), str(secret.model_dump()), secret.model_dump_json()]
    log = StringIO()
    configure_log(secret.log, log)
    spoken = logging.StreamHandler(log)
    logging.getLogger().addHandler(spoken)
    try:
        said += [finding async for finding in examine(secret)]
        async with open_desk(secret) as desk:
            said += [desk, desk.database]
            post = Post(secret, desk.database, desk.queue)
            for work in (ask_the_model, trip):
                made = await desk.submit(ask())
                await run_stage(post, made.id, Phase.QUEUED, Phase.COMPOSING, work)
                said.append(await desk.answer(made.id))
            said.append(await everything_stored(desk))
    finally:
        logging.getLogger().removeHandler(spoken)
    assert CANARY in loopback_llm.keys[0], "the key went where it belongs"
    assert "a stage failed" in log.getvalue()
    assert CANARY not in "\n".join(map(str, said)) + log.getvalue()
    assert base64.b64encode(CANARY.encode()).decode()[:12] not in log.getvalue()
