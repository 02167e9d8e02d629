"""Reading the settings: `config.toml`, then environment variables, which win."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from engine.errors import BadSettings
from engine.settings import ENV_PREFIX, Settings, default_home

#: Where the configuration file is looked for, when not ./config.toml or HOME/config.toml.
CONFIG_VARIABLE = "STYLUS_CONFIG"


def load_settings(path: Path | None = None) -> Settings:
    """Returns the settings from the configuration file, if there is one, and the environment.

    Raises `BadSettings` naming the key for anything unknown, of a wrong type or out of range.
    """
    unknown = _unknown_variables()
    if unknown:
        raise BadSettings(
            f"Environment variable {unknown[0]} is not a setting; see config.example.toml."
        )
    file = path or _find_config()
    try:
        settings = Settings(**(_read_toml(file) if file else {}))
    except ValidationError as error:
        raise BadSettings(_sentence(error, file)) from None  # the cause would show secrets
    except SettingsError as error:
        raise BadSettings(_unreadable(error)) from None
    _check_servers(settings)
    return settings


def _unknown_variables() -> list[str]:
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | {CONFIG_VARIABLE}
    return sorted(
        name
        for name in os.environ
        if name.startswith(ENV_PREFIX) and name.split("__")[0] not in known
    )


def _find_config() -> Path | None:
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    home = Path(os.environ.get(f"{ENV_PREFIX}HOME") or default_home())
    return next((p for p in (Path("config.toml"), home / "config.toml") if p.is_file()), None)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadSettings(f"There is no configuration file {path}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"{path} cannot be read as TOML: {error}.") from error


def _sentence(error: ValidationError, file: Path | None) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    place = f"{file} or the environment" if file else "the environment"
    if first["type"] == "extra_forbidden":
        return f"Setting {key} (from {place}) does not exist; see config.example.toml."
    return f"Setting {key} (from {place}) is refused: {first['msg']}."


def _unreadable(error: SettingsError) -> str:
    """A variable that names a whole table, such as STYLUS_DATABASE for STYLUS_DATABASE__URL."""
    named = re.search(r'field "(\w+)"', str(error))
    table = f"{ENV_PREFIX}{named[1].upper()}" if named else "of the environment"
    return (
        f"Setting {table} is a table and needs the name of a key after two underscores; "
        "see config.example.toml."
    )


#: What a choice needs beside itself.
_NEEDED = {
    ("composer.default", "llm"): ("llm.base_url", "llm.model"),
    ("reranker.kind", "api"): ("reranker.base_url", "reranker.model"),
    ("reranker.kind", "cross-encoder"): ("reranker.model",),
    ("embeddings.kind", "api"): ("embeddings.base_url", "embeddings.model"),
    ("embeddings.kind", "sentence-transformers"): ("embeddings.model",),
}


def _check_servers(settings: Settings) -> None:
    """Whoever is chosen to answer has to be named."""
    for (choice, value), needed in _NEEDED.items():
        for key in needed if _value(settings, choice) == value else ():
            if not _value(settings, key):
                raise BadSettings(f'{choice} is "{value}", which needs the setting {key}.')


def _value(settings: Settings, key: str) -> Any:
    table, name = key.split(".")
    return getattr(getattr(settings, table), name)
