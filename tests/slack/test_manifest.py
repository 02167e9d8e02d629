"""The manifest asks for exactly the rights that the code uses, and names what it listens to."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

import bot.slack_frontend
from bot.command_line import run
from bot.slack_frontend import create_app
from bot.slack_frontend.manifest import (
    EVENTS,
    EVENTS_PATH,
    FORM_SHORTCUT,
    REDIRECT,
    SCOPES,
    SHORTCUT,
    manifest,
)
from engine.desk import Desk
from engine.errors import BadSettings

FOLDER = Path(bot.slack_frontend.__file__).parent
HISTORY = {"channels:history", "groups:history", "im:history", "metadata.message:read"}
#: What Slack's documentation asks for, by method of the Web API.
METHODS: dict[str, set[str]] = {
    "auth_test": set(),
    "chat_postMessage": {"chat:write"},
    "chat_postEphemeral": {"chat:write"},
    "chat_update": {"chat:write"},
    "chat_delete": {"chat:write"},
    "conversations_history": HISTORY,
    "conversations_open": {"im:write"},
    "conversations_replies": HISTORY,
    "files_getUploadURLExternal": {"files:write"},
    "files_completeUploadExternal": {"files:write"},
    "files_delete": {"files:write"},
    "oauth_v2_access": set(),
    "files_info": {"files:read"},
    "users_info": {"users:read"},
    "views_open": set(),
    "views_publish": set(),
}
#: ... and by event.
LISTENED = {
    "app_home_opened": set(),
    "app_mention": {"app_mentions:read"},
    "app_uninstalled": set(),
    "file_shared": {"files:read"},
    "message.im": {"im:history"},
    "reaction_added": {"reactions:read"},
    "reaction_removed": {"reactions:read"},
    "tokens_revoked": set(),
}


def called() -> Iterator[str]:
    """Yields the methods of the Web API that the code calls."""
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and ast.unparse(called.value).endswith("client"):
                yield called.attr


def test_exactly_the_rights_that_are_used() -> None:
    methods = set(called())
    assert methods == set(METHODS), "a method's rights are unknown, or it is used no more"
    needed = {"commands"}.union(*METHODS.values(), *LISTENED.values())
    assert needed == set(SCOPES)
    read = yaml.safe_load(manifest())
    assert read["oauth_config"]["scopes"] == {"bot": sorted(needed)}
    assert read["settings"]["event_subscriptions"]["bot_events"] == list(EVENTS)
    assert set(EVENTS) == set(LISTENED)
    assert read["features"]["slash_commands"][0]["command"] == "/stylus"


def test_with_an_address_the_manifest_is_for_http_and_many_workspaces() -> None:
    read = yaml.safe_load(manifest("https://stylus.example.org"))
    settings = read["settings"]
    assert settings["socket_mode_enabled"] is False
    address = f"https://stylus.example.org{EVENTS_PATH}"
    assert settings["event_subscriptions"]["request_url"] == address
    assert settings["interactivity"]["request_url"] == address
    assert [one["url"] for one in read["features"]["slash_commands"]] == [address, address]
    assert read["oauth_config"]["redirect_urls"] == [f"https://stylus.example.org{REDIRECT}"]


def test_the_manifest_keeps_the_lengths_that_slack_takes() -> None:
    """Slack refuses the whole manifest otherwise, before anybody has an app."""
    read = yaml.safe_load(manifest("https://stylus.example.org"))
    about, features = read["display_information"], read["features"]
    assert len(about["name"]) <= 35
    assert len(about["description"]) <= 140
    assert len(features["bot_user"]["display_name"]) <= 80
    assert len(features["shortcuts"]) <= 10
    for shortcut in features["shortcuts"]:
        assert len(shortcut["name"]) <= 24
        assert len(shortcut["description"]) <= 150
        assert len(shortcut["callback_id"]) <= 255
    for command in features["slash_commands"]:
        assert len(command["command"]) <= 32
        assert len(command["description"]) <= 2000
        assert len(command["usage_hint"]) <= 1000
    assert len(read["settings"]["event_subscriptions"]["bot_events"]) <= 100


def test_what_slack_is_told_of_has_a_listener() -> None:
    source = (FOLDER / "app.py").read_text("utf-8")
    heard = set(re.findall(r'self\.event\("(\w+)"\)', source))
    assert heard == {name.split(".")[0] for name in EVENTS}
    shortcuts = yaml.safe_load(manifest())["features"]["shortcuts"]
    named = {shortcut["callback_id"] for shortcut in shortcuts}
    assert named == {SHORTCUT, FORM_SHORTCUT}


@pytest.mark.usefixtures("clean_environment")
def test_the_manifest_needs_no_token_and_the_app_says_which(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["slack", "--manifest"]) == 0
    assert 'command: "/stylus"' in capsys.readouterr().out
    assert run(["slack"]) == 2
    assert "STYLUS_SLACK__APP_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("STYLUS_SLACK__CLIENT_ID", "1.2")
    monkeypatch.setenv("STYLUS_SLACK__CLIENT_SECRET", "canary")
    assert run(["slack"]) == 2
    assert "STYLUS_SLACK__TOKEN_KEYS" in capsys.readouterr().err


async def test_an_app_without_a_token_is_refused(desk: Desk) -> None:
    with pytest.raises(BadSettings, match="STYLUS_SLACK__TOKEN"):
        create_app(desk)
