"""Mentions, threads, direct messages and “Stylus this”; and nothing that people write is markup."""

import json

from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from bot.benchmarks.loopback_slack.rules import refuse_message
from bot.benchmarks.loopback_slack.workspace import ART, BOT, DM
from bot.reply import make_reply
from bot.slack_frontend.escaping import escape, read_text
from bot.slack_frontend.screens import reply_screen, sentence_screen, status_screen, why_screen
from bot.status import Status
from bot.texts import ENGLISH
from engine.values import Answer, Composition, Phase, Task, Timings
from tests.discord.atelier import finish
from tests.samples import loaded, pick, plan, planned, rendering, request
from tests.slack.conftest import Workspace

HOSTILE = st.text(st.sampled_from("<>&!@*_~`|#:.abC \n👍"), min_size=1, max_size=400)


async def test_a_mention_is_answered_in_a_thread(workspace: Workspace) -> None:
    said = await workspace.slack.mention("a fox &amp; a star --images 2")
    await workspace.settled()
    made = await workspace.newest()
    assert (made.prompt, made.image_count) == ("a fox & a star", 2)
    await finish(workspace.desk, made)
    root, images = [m for m in workspace.slack.messages(ART, said["ts"]) if m["user"] == BOT]
    assert len(images["files"]) == 3
    await workspace.slack.click(f"stylus:reroll:{made.id}", root)
    await workspace.settled()
    assert len(workspace.slack.messages(ART, said["ts"])) == 4


async def test_a_mention_in_a_thread_is_answered_there(workspace: Workspace) -> None:
    root = workspace.slack.say(ART, "UBOB", "what shall we draw?")
    await workspace.slack.mention("red star", thread_ts=root["ts"])
    await workspace.settled()
    assert [m["user"] == BOT for m in workspace.slack.messages(ART, root["ts"])][1:] == [
        False,
        True,
    ]


async def test_what_comes_by_two_connections_is_one_request(workspace: Workspace) -> None:
    second = await workspace.connect_again()
    workspace.slack.echoes = True
    said = await workspace.slack.mention("red star")
    await workspace.settled()
    assert await workspace.count("requests") == 1
    assert len(workspace.slack.messages(ART, said["ts"])) == 2
    await workspace.slack.slash("prompt blue heart")
    await workspace.settled()
    assert await workspace.count("requests") == 2
    assert len([m for m in workspace.slack.messages(ART) if "metadata" in m]) == 1
    await second.close_async()  # type: ignore[no-untyped-call]


async def test_a_mention_that_comes_again_is_one_request(workspace: Workspace) -> None:
    said = workspace.slack.say(ART, "UANN", f"<@{BOT}> red star")
    event = {**said, "type": "app_mention", "channel": ART}
    first = await workspace.slack.event(event)
    await workspace.slack.event(event, event_id=first, retry=1)
    await workspace.slack.event(event, event_id=first, retry=2)
    await workspace.restart()
    await workspace.slack.event(event, event_id=first, retry=3)
    await workspace.settled()
    assert await workspace.count("requests") == 1
    assert len(workspace.slack.messages(ART, said["ts"])) == 2


async def test_a_direct_message_is_a_prompt(workspace: Workspace) -> None:
    await workspace.slack.write("red star")
    await workspace.settled()
    made = await workspace.newest()
    await finish(workspace.desk, made)
    assert [m["user"] == BOT for m in workspace.slack.messages(DM)] == [False, True, True]


async def test_our_own_messages_and_changes_ask_for_nothing(workspace: Workspace) -> None:
    said = workspace.slack.say(DM, BOT, "red star", bot_id="BBOT")
    await workspace.slack.event({**said, "channel": DM, "channel_type": "im"})
    changed = {"type": "message", "subtype": "message_changed", "ts": said["ts"], "channel": DM}
    await workspace.slack.event({**changed, "channel_type": "im", "message": said})
    assert await workspace.count("requests") == 0


async def test_stylus_this_makes_a_prompt_of_a_message(workspace: Workspace) -> None:
    said = workspace.slack.say(ART, "UBOB", "a <https://x.example|red> star")
    await workspace.slack.point_at(said, "stylus_this")
    await workspace.settled()
    assert (await workspace.newest()).prompt == "a red star"
    assert len(workspace.slack.messages(ART, said["ts"])) == 2


def hostile_answer(words: str, adapters: int) -> Answer:
    """Returns an answer with as much in it as there may be."""
    prompt = f"word {words}"
    ids = [f"a{n}" for n in range(adapters)]
    tasks = tuple(Task("word", (pick(i),)) for i in ids)
    on = tuple(loaded(i) for i in ids)
    return Answer(
        request=request(prompt, image_count=8),
        phase=Phase.RENDERED,
        composition=Composition(prompt, tasks, "local"),
        plans=tuple(plan(n, *map(planned, ids)) for n in range(8)),
        renderings=tuple(rendering(n, on=on) for n in range(8)),
        timings=Timings(),
        notes=(words, words),
        failure=None,
    )


@given(HOSTILE)
def test_what_people_write_is_never_markup(words: str) -> None:
    reply = make_reply(hostile_answer(words, 12))
    status = Status("r1", words, "Rendering", ((words, (words, words)),), (words,), (), 0.5)
    screens = [
        reply_screen(reply, ENGLISH),
        why_screen(reply, ENGLISH),
        status_screen(status),
        sentence_screen(words),
    ]
    for screen in screens:
        blocks = screen.as_json()
        assert Block.parse_all(blocks)
        assert refuse_message(screen.text, blocks) == ""
        for text in marked_up(json.loads(json.dumps(blocks))):
            assert "<" not in text
        assert not set("<>") & set(screen.text)


def marked_up(part: object) -> list[str]:
    """Returns all texts in which Slack looks for markup."""
    if isinstance(part, list):
        return [text for inner in part for text in marked_up(inner)]
    if isinstance(part, dict):
        own = [str(part["text"])] if part.get("type") == "mrkdwn" else []
        return own + [text for inner in part.values() for text in marked_up(inner)]
    return []


@given(st.text())
def test_what_is_escaped_is_read_back(text: str) -> None:
    assert read_text(escape(text)) == text


def test_links_and_mentions_are_read_as_their_words() -> None:
    assert read_text("<https://a.example|this> and <mailto:b@c.example>") == "this and b@c.example"
