"""What `deploy/` names is there: no container can be built where the tests run."""

import re
import shlex
from collections.abc import Iterator
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml  # type: ignore[import-untyped]
from pydantic import BaseModel

from bot.command_line import app
from engine.processes.shift import GRACE
from engine.settings import Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
COMMAND = typer.main.get_command(app)


def instructions() -> list[tuple[str, str]]:
    """Returns the Dockerfile's instructions, each with what stands after it."""
    text = (DEPLOY / "Dockerfile").read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    found = (line.split(None, 1) for line in re.sub(r"\\\n\s*", "", lines).splitlines() if line)
    return [(word, rest) for word, rest in found]


def copied() -> Iterator[str]:
    for word, rest in instructions():
        if word == "COPY":
            yield from shlex.split(rest)[:-1]


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def ours() -> dict[str, dict[str, Any]]:
    return {name: one for name, one in compose()["services"].items() if one["image"] == "stylus"}


def settings_names(model: type[BaseModel] = Settings, prefix: str = "STYLUS_") -> Iterator[str]:
    """Yields the variables by which settings are set."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from settings_names(kind, f"{prefix}{name.upper()}__")
        yield f"{prefix}{name.upper()}"


def takes(*arguments: str) -> bool:
    """Whether the command line has such a command with such options."""
    name, *options = arguments
    command = COMMAND.commands[name]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    return set(options) <= known


def test_the_image_holds_all_that_is_installed_and_no_secrets() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    assert "*" in rules
    assert set(copied()) == kept, "what is copied is sent to the builder, and nothing else"
    assert all((ROOT / name).exists() for name in kept)
    packages = re.search(r"find = \{ include = \[(.*?)\]", (ROOT / "pyproject.toml").read_text())
    assert packages
    assert {name.strip(' "*') for name in packages[1].split(",")} <= kept
    tracked = ("config.toml", ".env", ".git")
    assert not any(fnmatch(name, rule) for name in tracked for rule in kept)


def test_the_image_runs_without_rights() -> None:
    steps = instructions()
    words = [word for word, _ in steps]
    ((_, user),) = [step for step in steps if step[0] == "USER"]
    assert user == "stylus"
    assert words.index("USER") > max(n for n, word in enumerate(words) if word in ("RUN", "COPY"))
    made = next(rest for word, rest in steps if word == "RUN" and "useradd" in rest)
    assert made.endswith(user)
    home = re.search(r"STYLUS_HOME=(\S+)", dict(steps)["ENV"])
    assert home
    assert f"--home-dir {home[1]} --create-home" in made, "the volume is its own"
    assert dict(steps)["VOLUME"] == home[1]
    assert takes(*yaml.safe_load(dict(steps)["CMD"]))


def test_every_service_runs_a_command_that_there_is_and_without_rights() -> None:
    assert {"migrate", "engine", "renderer", "discord", "slack"} == set(ours())
    for name, service in ours().items():
        assert service["command"][0] == name
        assert takes(*service["command"])
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "user" not in service, "the image's"
        assert int(service["stop_grace_period"].removesuffix("s")) > GRACE, name


def test_what_services_are_told_and_need_exists() -> None:
    whole, known = compose(), set(settings_names())
    for name, service in ours().items():
        assert set(service["environment"]) <= known, name
        assert set(service["depends_on"]) <= set(whole["services"]), name
        for volume in service["volumes"]:
            assert volume.split(":")[0] in whole["volumes"], name
        build = service["build"]
        assert (DEPLOY / build["context"] / build["dockerfile"]).is_file(), name
    database = whole["services"]["postgres"]["environment"]
    url = ours()["engine"]["environment"]["STYLUS_DATABASE__URL"]
    user, name = database["POSTGRES_USER"], database["POSTGRES_DB"]
    assert url == f"postgresql://{user}:{database['POSTGRES_PASSWORD']}@postgres/{name}"
    assert "POSTGRES_PASSWORD:?" in url, "there is none that everybody knows"


def test_health_is_asked_where_the_service_listens() -> None:
    engine = ours()["engine"]
    port = engine["environment"]["STYLUS_METRICS__LISTEN"].rpartition(":")[2]
    assert f"http://127.0.0.1:{port}/readyz" in engine["healthcheck"]["test"][-1]
    compile(engine["healthcheck"]["test"][-1], "health check", "exec")
    assert ("EXPOSE", port) in instructions()


def test_the_unit_runs_what_there_is_without_rights_and_lets_it_finish() -> None:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment]
    unit.read(DEPLOY / "systemd" / "stylus@.service")
    service = unit["Service"]
    assert service["ExecStart"].endswith("/stylus %i")
    assert all(takes(role) for role in ("engine", "renderer", "discord", "slack"))
    assert (service["User"], service["CapabilityBoundingSet"]) == ("stylus", "")
    assert service["NoNewPrivileges"] == "yes"
    assert int(service["TimeoutStopSec"]) > GRACE
    assert f"STYLUS_HOME={service['ReadWritePaths']}" in service["Environment"]
    assert "ProtectClock" not in service, "it would take the GPU away"


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "systemd/stylus@.service"])
def test_what_could_not_be_tried_says_so(name: str) -> None:
    assert re.search(r"could not be (built|tried|started)", (DEPLOY / name).read_text())
