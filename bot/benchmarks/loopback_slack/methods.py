"""The methods of the loopback Slack's Web API."""

import time
from collections.abc import Callable
from typing import Any

from bot.benchmarks.loopback_slack.rules import refuse_message, refuse_view
from bot.benchmarks.loopback_slack.workspace import (
    ADMIN,
    APP,
    BOT,
    BOT_ID,
    Channel,
    Json,
    LoopbackSlack,
)

Method = Callable[[LoopbackSlack, Json], Json]


def auth_test(slack: LoopbackSlack, arguments: Json) -> Json:
    return {"user_id": BOT, "bot_id": BOT_ID, "team_id": slack.team, "url": "https://t.slack.com/"}


def open_connection(slack: LoopbackSlack, arguments: Json) -> Json:
    return {"url": f"{slack.url.replace('http', 'ws', 1)}/socket"}


def post(slack: LoopbackSlack, arguments: Json) -> Json:
    channel = _direct(slack, arguments["channel"])
    refused = _refuse(slack, channel) or refuse_message(
        arguments.get("text", ""), arguments.get("blocks", [])
    )
    if refused:
        return {"error": refused}
    kept = {k: arguments[k] for k in ("blocks", "thread_ts", "metadata") if k in arguments}
    message = slack.say(channel, BOT, arguments.get("text", ""), bot_id=BOT_ID, **kept)
    return {"channel": channel, "ts": message["ts"], "message": message}


def update(slack: LoopbackSlack, arguments: Json) -> Json:
    channel, ts = arguments["channel"], arguments["ts"]
    refused = _refuse(slack, channel) or refuse_message(
        arguments.get("text", ""), arguments.get("blocks", [])
    )
    if refused:
        return {"error": refused}
    message = slack.channels[channel].messages.get(ts)
    if message is None:
        return {"error": "message_not_found"}
    if message["user"] != BOT:
        return {"error": "cant_update_message"}
    message |= {k: arguments[k] for k in ("text", "blocks", "metadata") if k in arguments}
    return {"channel": channel, "ts": ts}


def delete(slack: LoopbackSlack, arguments: Json) -> Json:
    messages = slack.channels[arguments["channel"]].messages
    return {} if messages.pop(arguments["ts"], None) else {"error": "message_not_found"}


def whisper(slack: LoopbackSlack, arguments: Json) -> Json:
    refused = _refuse(slack, arguments["channel"])
    if not refused and arguments["user"] not in slack.channels[arguments["channel"]].members:
        refused = "user_not_in_channel"
    if refused:
        return {"error": refused}
    slack.whispers.append(arguments)
    return {"message_ts": f"{time.time():.6f}"}


def upload_url(slack: LoopbackSlack, arguments: Json) -> Json:
    file_id = slack.number("F")
    slack.files[file_id] = {
        "id": file_id,
        "name": arguments["filename"],
        "length": int(arguments["length"]),
        "alt_txt": arguments.get("alt_txt", ""),
        "user": BOT,
        "shares": {},
    }
    if len(arguments.get("alt_txt", "")) > 1000:
        return {"error": "alt_txt_too_large"}
    return {"upload_url": f"{slack.url}/upload/{file_id}", "file_id": file_id}


def complete_upload(slack: LoopbackSlack, arguments: Json) -> Json:
    channel = arguments["channel_id"]
    refused = _refuse(slack, channel)
    if refused:
        return {"error": refused}
    files = [slack.files.get(file["id"]) for file in arguments["files"]]
    if not all(file and "content" in file for file in files):
        return {"error": "file_not_found"}
    shown = [{"id": file["id"], "name": file["name"]} for file in files if file]
    thread = {"thread_ts": arguments["thread_ts"]} if arguments.get("thread_ts") else {}
    comment = arguments.get("initial_comment", "")
    message = slack.say(channel, BOT, comment, bot_id=BOT_ID, files=shown, **thread)
    for file in files:
        assert file
        file["shares"] = {"public": {channel: [{"ts": message["ts"]}]}}
    return {"files": shown}


def file_info(slack: LoopbackSlack, arguments: Json) -> Json:
    file = slack.files.get(arguments["file"])
    if file is None:
        return {"error": "file_not_found"}
    return {"file": {k: file[k] for k in ("id", "name", "user", "shares")}}


def delete_file(slack: LoopbackSlack, arguments: Json) -> Json:
    file = slack.files.pop(arguments["file"], None)
    for channel in slack.channels.values():
        for ts, message in list(channel.messages.items()):
            left = [f for f in message.get("files", []) if f["id"] in slack.files]
            if "files" in message and not left:
                del channel.messages[ts]
    return {} if file else {"error": "file_not_found"}


def history(slack: LoopbackSlack, arguments: Json) -> Json:
    """Newest first, without replies, a page at a time."""
    found = slack.channels[arguments["channel"]].messages.values()
    roots = [m for m in found if m.get("thread_ts", m["ts"]) == m["ts"]]
    return _page(roots[::-1], arguments)


def replies(slack: LoopbackSlack, arguments: Json) -> Json:
    """Oldest first, with the root."""
    found = slack.channels[arguments["channel"]].messages.values()
    thread = arguments["ts"]
    return _page([m for m in found if thread in (m["ts"], m.get("thread_ts"))], arguments)


def user_info(slack: LoopbackSlack, arguments: Json) -> Json:
    user = slack.users.get(arguments["user"])
    return {"user": user} if user else {"error": "user_not_found"}


def open_view(slack: LoopbackSlack, arguments: Json) -> Json:
    view = arguments["view"]
    refused = slack.use_trigger(arguments["trigger_id"]) or refuse_view(view)
    if refused:
        return {"error": refused}
    slack.forms.append(view)
    return {"view": view}


def publish_view(slack: LoopbackSlack, arguments: Json) -> Json:
    refused = refuse_view(arguments["view"])
    shown = [block.get("accessory", {}).get("slack_file") for block in arguments["view"]["blocks"]]
    if refused or not all(file["id"] in slack.files for file in shown if file):
        return {"error": refused or "invalid_arguments"}
    slack.homes[arguments["user_id"]] = arguments["view"]
    return {}


def _page(messages: list[Json], arguments: Json) -> Json:
    oldest = float(arguments.get("oldest", 0))
    found = [m for m in messages if float(m["ts"]) >= oldest]
    start, limit = int(arguments.get("cursor") or 0), int(arguments.get("limit", 100))
    more = str(start + limit) if start + limit < len(found) else ""
    with_metadata = arguments.get("include_all_metadata") in (True, "true", "True", "1", 1)
    shown: list[dict[str, Any]] = [
        {k: v for k, v in m.items() if k != "metadata" or with_metadata}
        for m in found[start : start + limit]
    ]
    return {"messages": shown, "response_metadata": {"next_cursor": more}}


def _direct(slack: LoopbackSlack, channel: str) -> str:
    """Returns the direct channel where a message is sent to a person."""
    if channel not in slack.users:
        return str(channel)
    direct = f"D{channel[1:]}"
    slack.channels.setdefault(direct, Channel({BOT, channel}))
    return direct


def _refuse(slack: LoopbackSlack, channel: str) -> str:
    found = slack.channels.get(channel)
    if found is None:
        return "channel_not_found"
    if found.archived:
        return "is_archived"
    return "" if BOT in found.members else "not_in_channel"


def open_direct(slack: LoopbackSlack, arguments: Json) -> Json:
    return {"channel": {"id": _direct(slack, arguments["users"])}}


def give_token(slack: LoopbackSlack, arguments: Json) -> Json:
    """A code that an admin's browser has brought becomes the token, once; so does a token that
    buys the next."""
    if arguments.get("grant_type") == "refresh_token":
        bought = (w for w in slack.served.values() if w.refresh == arguments["refresh_token"] != "")
        workspace = next(bought, None)
        if workspace is None:
            return {"error": "invalid_refresh_token"}
        workspace.token = slack.number("xoxe.xoxb-")
        slack.served[workspace.token] = workspace
    else:
        workspace = slack.codes.pop(arguments["code"], None)
        if workspace is None:
            return {"error": "invalid_code"}
    return _installed(workspace)


def _installed(workspace: LoopbackSlack) -> Json:
    """What Slack tells of an installation, with a new pair of tokens where they end."""
    pair: Json = {}
    if workspace.lives:
        workspace.refresh = workspace.number("xoxe-1-")
        pair = {"refresh_token": workspace.refresh, "expires_in": workspace.lives}
    whole = workspace.whole = bool(workspace.enterprise) and not workspace.team
    org = {"id": workspace.enterprise, "name": "Org"} if workspace.enterprise else None
    return {
        "access_token": workspace.token,
        "token_type": "bot",
        "scope": "commands",
        "bot_user_id": BOT,
        "app_id": APP,
        "team": None if whole else {"id": workspace.team, "name": "Team"},
        "enterprise": org,
        "is_enterprise_install": whole,
        "authed_user": {"id": ADMIN},
        **pair,
    }


METHODS: dict[str, Method] = {
    "oauth.v2.access": give_token,
    "conversations.open": open_direct,
    "auth.test": auth_test,
    "apps.connections.open": open_connection,
    "chat.postMessage": post,
    "chat.update": update,
    "chat.delete": delete,
    "chat.postEphemeral": whisper,
    "files.getUploadURLExternal": upload_url,
    "files.completeUploadExternal": complete_upload,
    "files.info": file_info,
    "files.delete": delete_file,
    "conversations.history": history,
    "conversations.replies": replies,
    "users.info": user_info,
    "views.open": open_view,
    "views.publish": publish_view,
}
