"""The doctor: which part runs on what, whether it answers, and what to do where it does not."""

import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import text

from engine import __version__, builtin
from engine.checkpoints import find
from engine.composing import llm_composer
from engine.errors import StylusError
from engine.library import catalogue
from engine.operations.unserved import find_unserved
from engine.processes import workers
from engine.retrieving.embedder import load_embedder
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.storage.database import Database, open_database
from engine.storage.schema import check_schema
from engine.values import Worker

#: Free disk below this is worth a word, in gigabytes.
LOW_DISK_GB = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one part."""

    part: str
    #: "default" or the configured place, without secrets.
    runs_on: str
    state: Literal["ok", "warning", "broken"]
    #: What is wrong and what to do, or what is there.
    says: str


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Yields a finding for each part; never raises for a part that is broken."""
    yield _home(settings)
    async for finding in _database(settings):
        yield finding
    yield _embedder()
    yield _checkpoint(settings)
    for name, other in settings.checkpoints.items():
        says = f"{name}, of the family {other.family}; loaded when it is asked for"
        yield Finding("checkpoint", other.source, "ok", says)
    for name in settings.checkpoint_names:
        yield examine_safety(settings, name)
    yield _storage(settings)
    yield await _composer(settings)
    yield _discord(settings)
    yield examine_slack(settings)


def _home(settings: Settings) -> Finding:
    folder = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    free = shutil.disk_usage(folder).free / 1e9
    state: Literal["ok", "warning"] = "ok" if free > LOW_DISK_GB else "warning"
    says = f"{free:.1f} GB free" + ("" if state == "ok" else "; make room before it is full")
    return Finding("home", str(settings.home), state, says)


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    where = "configured URL" if settings.database.url.get_secret_value() else "embedded Postgres"
    try:
        async with open_database(settings) as database:
            yield Finding("database", where, "ok", await _versions(database))
            async for finding in _contents(settings, database):
                yield finding
    except StylusError as error:
        yield Finding("database", where, "broken", str(error))


async def _versions(database: Database) -> str:
    async with database.transaction() as connection:
        server = await connection.scalar(text("show server_version"))
        vector = await connection.scalar(
            text("select extversion from pg_extension where extname = 'vector'")
        )
    return f"Postgres {server}, pgvector {vector or 'not installed yet'}"


async def _contents(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    async with database.transaction() as connection:
        try:
            await check_schema(connection)
        except StylusError as error:
            yield Finding("schema", "alembic", "broken", str(error))
            return
        counts = await catalogue.count_adapters(connection)
        alive = await workers.alive(connection, settings.queue.stalled)
        unserved = await find_unserved(connection, alive)
    yield Finding("schema", "alembic", "ok", "up to date")
    yield _catalogue(settings, counts)
    for role in ("engine", "renderer"):
        count = sum(worker.role == role for worker in alive)
        says = f"{count} alive" if count else "none alive; `stylus up` starts it, prompts start one"
        yield Finding(role, "worker process", "ok" if count else "warning", says)
    for one in unserved:
        yield Finding("renderer", "queue", "warning", one.sentence)
    for finding in _skewed(alive):
        yield finding


def _skewed(alive: Sequence[Worker]) -> Iterator[Finding]:
    """A finding for each other version that runs: fine for a while, when machines are updated."""
    others = Counter(worker.version for worker in alive if worker.version != __version__)
    for version, count in sorted(others.items()):
        says = f"{count} of version {version} beside {__version__}; update them, renderers first"
        yield Finding("version", "worker process", "warning", says)


def _catalogue(settings: Settings, counts: dict[str, int]) -> Finding:
    family = settings.checkpoint.family
    says = ", ".join(f"{count} of {base}" for base, count in sorted(counts.items())) or "empty"
    if counts.get(family):
        return Finding("catalogue", "database", "ok", says)
    return Finding(
        "catalogue", "database", "warning", f"{says}; none fits {family}: `stylus lora import`"
    )


def _embedder() -> Finding:
    try:
        vector = load_embedder().embed(["a red star"])
        return Finding("embedder", "local MiniLM", "ok", f"{vector.shape[1]} dimensions")
    except StylusError as error:
        return Finding("embedder", "local MiniLM", "broken", str(error))


def _checkpoint(settings: Settings) -> Finding:
    chosen = settings.checkpoint
    if chosen.source != "builtin":
        says = "loaded by the renderer; its log tells whether it fits"
        return Finding("checkpoint", chosen.source, "ok", says)
    if (builtin.CHECKPOINT / "model_index.json").is_file():
        return Finding("checkpoint", "built-in", "ok", f"family {chosen.family}")
    return Finding(
        "checkpoint", "built-in", "broken", "its files are missing; install Stylus again"
    )


def examine_safety(settings: Settings, checkpoint: str) -> Finding:
    """Returns who looks at a checkpoint's finished images, and whether they can; nothing is
    loaded, and nothing fetched from the hub."""
    chosen, source = settings.renderer, find(settings, checkpoint).source
    is_builtin = source in ("builtin", str(builtin.CHECKPOINT))
    if chosen.safety == "none":
        says = f"nobody looks at the images of {checkpoint}, as renderer.safety has it"
        return Finding("safety", "none", "warning", says)
    if chosen.safety == "builtin" or (chosen.safety == "auto" and is_builtin):
        if is_builtin:
            return Finding("safety", "built-in", "ok", f"looks at the images of {checkpoint}")
        says = f"it knows the built-in world alone and nothing of {checkpoint}; name another check"
        return Finding("safety", "built-in", "warning", says)
    own = Path(source).expanduser() / "safety_checker"
    where = chosen.safety_model or ("" if chosen.safety == "classifier" else str(own))
    if chosen.safety == "auto" and not own.is_dir():
        says = f"nothing looks at the images of {checkpoint}, so none would be shown; {_CHOOSE}"
        return Finding("safety", "nothing", "broken", says)
    return _weights(where, checkpoint)


_CHOOSE = (
    'set renderer.safety = "classifier" and renderer.safety_model to its folder or hub id, or '
    'renderer.safety = "none"'
)


def _weights(where: str, checkpoint: str) -> Finding:
    folder = Path(where).expanduser()
    if where and folder.is_dir():
        if any(folder.glob("*.safetensors")):
            return Finding("safety", where, "ok", f"looks at the images of {checkpoint}")
        says = f"it holds no .safetensors weights, which the check on images needs; {_CHOOSE}"
        return Finding("safety", where, "broken", says)
    if re.fullmatch(r"[\w.-]+/[\w.-]+", where):
        says = "no folder here; the renderer fetches it from the hub when it starts"
        return Finding("safety", where, "warning", says)
    return Finding("safety", where or "no name", "broken", f"there is no such folder; {_CHOOSE}")


def _storage(settings: Settings) -> Finding:
    where = settings.storage.url or "folder under home"
    try:
        store = BlobStore(settings)
        key = store.put("probe", b"stylus", ".txt")
        fine = store.read(key) == b"stylus"
        return Finding("storage", where, "ok" if fine else "broken", "written and read back")
    except StylusError as error:
        return Finding("storage", where, "broken", str(error))


def _discord(settings: Settings) -> Finding:
    if settings.discord.token.get_secret_value():
        says = "a token is set; `stylus status` shows whether the bot runs"
        return Finding("discord", "bot token", "ok", says)
    return Finding("discord", "no bot", "ok", "no STYLUS_DISCORD__TOKEN is set, none is needed")


def examine_slack(settings: Settings) -> Finding:
    """Returns how Slack reaches the app, or what it lacks."""
    ours = settings.slack
    if not (ours.token.get_secret_value() or ours.client_id):
        return Finding("slack", "no app", "ok", "no STYLUS_SLACK__TOKEN is set, none is needed")
    if ours.missing:
        says = f"set STYLUS_SLACK__{ours.missing.upper()}; README.md says where it comes from"
        return Finding("slack", f"no {ours.missing}", "broken", says)
    if ours.unfit:
        return Finding("slack", "a token that ends", "broken", ours.unfit)
    if ours.client_id:
        says = f"workspaces add it at {ours.public_url}/slack/install"
        return Finding("slack", f"HTTP at {ours.listen}", "ok", says)
    if ours.app_token.get_secret_value():
        return Finding("slack", "Socket Mode", "ok", "`stylus status` shows whether the app runs")
    return Finding("slack", f"HTTP at {ours.listen}", "ok", "requests are checked by signature")


async def _composer(settings: Settings) -> Finding:
    llm = settings.llm
    if not (llm.base_url and llm.model):
        return Finding("composer", "local", "ok", "no LLM is configured, none is needed")
    try:
        await llm_composer.probe(settings)
        return Finding("composer", f"LLM {llm.model}", "ok", "the server answers")
    except StylusError as error:
        says = f"{error} The local composer stands in; check llm.base_url and llm.api_key."
        return Finding("composer", f"LLM {llm.model}", "warning", says)
