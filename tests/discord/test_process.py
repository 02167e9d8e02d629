"""`stylus discord` as people start it: what is said without a token, and the invitation."""

import base64
import json

import pytest

from bot.command_line import run
from bot.command_line.frontends import configured
from engine.settings import Discord, Settings


def test_without_a_token_it_says_where_to_get_one(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["discord"]) == 2
    assert "STYLUS_DISCORD__TOKEN" in capsys.readouterr().err


def test_the_invitation_asks_for_exactly_what_is_needed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    token = base64.b64encode(b"1456074443980800000").decode() + ".x.secret"
    monkeypatch.setenv("STYLUS_DISCORD__TOKEN", token)
    assert run(["discord", "--invite", "--json"]) == 0
    url = json.loads(capsys.readouterr().out)["url"]
    assert "client_id=1456074443980800000" in url
    assert "scope=bot+applications.commands" in url
    # View channels, send messages (in threads too), attach files, read the history.
    assert f"permissions={1 << 10 | 1 << 11 | 1 << 38 | 1 << 15 | 1 << 16}" in url
    assert "secret" not in url


def test_what_is_no_token_is_refused_by_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STYLUS_DISCORD__TOKEN", "hunter2")
    assert run(["discord", "--invite"]) == 2
    said = capsys.readouterr().err
    assert "is no bot token" in said
    assert "hunter2" not in said


def test_the_procfile_line_is_for_who_has_a_token() -> None:
    without = Settings()
    with_token = without.model_copy(update={"discord": Discord(token="t")})
    assert configured(without, "engine")
    assert not configured(without, "discord")
    assert configured(with_token, "discord")
    assert "t'" not in repr(with_token.discord.token)
