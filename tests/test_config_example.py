"""`config.example.toml` lists every setting with its default and why it is there."""

import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from engine.configuration import load_settings
from engine.settings import Settings, default_home

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"
LINES = EXAMPLE.read_text("utf-8").splitlines()
SECRETS = [
    "database.url",
    "llm.api_key",
    "embeddings.api_key",
    "reranker.api_key",
    "discord.token",
    "slack.token",
    "slack.app_token",
    "slack.signing_secret",
    "slack.client_secret",
    "slack.token_keys",
    "refiner.api_key",
    "library.civitai_token",
    "library.huggingface_token",
]


@pytest.fixture(autouse=True)
def home(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("STYLUS_HOME")
    return clean_environment


def flat(tables: dict[str, Any]) -> dict[str, Any]:
    """Returns the keys of all tables with dots between the levels; secrets as plain text."""
    return {
        f"{table}.{key}": value.get_secret_value() if isinstance(value, SecretStr) else value
        for table, keys in tables.items()
        for key, value in keys.items()
    }


def keys_with_line_before() -> Iterator[tuple[str, str]]:
    for before, line in pairwise(LINES):
        if re.match(r"\w+ = ", line):
            yield line, before


def test_it_has_every_setting_with_its_default_and_no_other() -> None:
    defaults = flat(Settings().model_dump(exclude={"home"}))
    listed = flat(tomllib.loads(EXAMPLE.read_text("utf-8")))
    assert list(listed) == list(defaults)
    for key, default in defaults.items():
        value = list(default) if isinstance(default, tuple) else default  # TOML has one kind
        assert (key, listed[key], type(listed[key])) == (key, value, type(value))


def test_every_setting_is_explained() -> None:
    explained = list(keys_with_line_before())
    assert len(explained) == len(flat(tomllib.loads("\n".join(LINES))))
    for line, before in explained:
        assert re.match(r"# \S.{15,}", before), f"{line} has no reason above it"
    reasons = [before for _, before in explained]
    assert len(set(reasons)) == len(reasons)


def test_it_holds_no_secret() -> None:
    listed = flat(tomllib.loads(EXAMPLE.read_text("utf-8")))
    assert [listed[key] for key in SECRETS] == [""] * len(SECRETS)
    tables = Settings().model_dump(exclude={"home"}).items()
    secret = [f"{t}.{k}" for t, keys in tables for k in keys if isinstance(keys[k], SecretStr)]
    assert sorted(secret) == sorted(SECRETS)


def test_the_home_is_shown_but_not_set(home: Path) -> None:
    assert LINES.count('# home = ""') == 1
    assert load_settings(EXAMPLE) == Settings()
    uncommented = home / "all.toml"
    uncommented.write_text("\n".join(LINES).replace("# home", "home"), encoding="utf-8")
    assert load_settings(uncommented).home == default_home()
