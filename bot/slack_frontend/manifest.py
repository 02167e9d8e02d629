"""The manifest: what an admin pastes into Slack to make the app, with the rights it uses."""

import json
from collections.abc import Iterator
from typing import Any

COMMAND, ADMIN_COMMAND = "/stylus", "/stylus-admin"
SHORTCUT = "stylus_this"
FORM_SHORTCUT = "stylus_form"
#: Where Slack reaches us by HTTP: with events, with people who add the app, and with their answer.
EVENTS_PATH, INSTALL, REDIRECT = "/slack/events", "/slack/install", "/slack/oauth_redirect"
#: Each right with what needs it.
SCOPES = {
    "app_mentions:read": "hear “@Stylus a fox”",
    "channels:history": "find our own message again before posting it a second time",
    "chat:write": "post and change our messages",
    "commands": "/stylus and shortcuts",
    "files:read": "know which message shows our images",
    "files:write": "share images, delete them when asked",
    "groups:history": "the same in private channels",
    "im:history": "hear direct messages",
    "im:write": "answer one person alone",
    "metadata.message:read": "know our own message by its request",
    "reactions:read": "hear reactions",
    "users:read": "see who is an admin",
}
EVENTS = (
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "file_shared",
    "message.im",
    "reaction_added",
    "reaction_removed",
    "tokens_revoked",
)


def manifest(public_url: str = "") -> str:
    """Returns the app manifest as YAML: for Socket Mode, or for HTTP at an address of ours."""
    whole = _manifest()
    if public_url:
        _lead_to(whole, public_url)
    return "\n".join(_yaml(whole, "")) + "\n"


def _lead_to(whole: dict[str, Any], public_url: str) -> None:
    address = {"request_url": f"{public_url}{EVENTS_PATH}"}
    for command in whole["features"]["slash_commands"]:
        command["url"] = address["request_url"]
    whole["oauth_config"]["redirect_urls"] = [f"{public_url}{REDIRECT}"]
    settings = whole["settings"]
    settings["event_subscriptions"] |= address
    settings["interactivity"] |= address
    settings |= {"socket_mode_enabled": False, "org_deploy_enabled": True}


def _manifest() -> dict[str, Any]:
    return {
        "display_information": {
            "name": "Stylus",
            "description": "A prompt becomes images; the LoRA adapters are chosen by themselves.",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "Stylus", "always_online": True},
            "shortcuts": [
                {
                    "name": "Stylus this",
                    "type": "message",
                    "callback_id": SHORTCUT,
                    "description": "Make images of this message",
                },
                {
                    "name": "Stylus",
                    "type": "global",
                    "callback_id": FORM_SHORTCUT,
                    "description": "Make images of a prompt",
                },
            ],
            "slash_commands": [
                {
                    "command": COMMAND,
                    "description": "Turn a prompt into images",
                    "usage_hint": "prompt a fox in neon rain --images 4",
                    "should_escape": False,
                },
                {
                    "command": ADMIN_COMMAND,
                    "description": "Settings and library of this workspace, for its admins",
                    "usage_hint": "settings | audit | lora add URL | lora proposed",
                    "should_escape": False,
                },
            ],
        },
        "oauth_config": {"scopes": {"bot": sorted(SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True},
            "org_deploy_enabled": False,
            "socket_mode_enabled": True,
            "token_rotation_enabled": False,
        },
    }


def _yaml(value: Any, indent: str) -> Iterator[str]:
    """Yields the lines of mappings and lists; what stands in them is written as JSON."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _entry(f"{indent}{key}:", inner, indent)
    else:
        for inner in value:
            lines = list(_yaml(inner, f"{indent}  ")) if isinstance(inner, dict) else []
            first = lines[0].lstrip() if lines else json.dumps(inner, ensure_ascii=False)
            yield f"{indent}- {first}"
            yield from lines[1:]


def _entry(head: str, inner: Any, indent: str) -> Iterator[str]:
    if isinstance(inner, dict | list):
        yield head
        yield from _yaml(inner, f"{indent}  ")
    else:
        yield f"{head} {json.dumps(inner, ensure_ascii=False)}"
