"""Slack's limits: everything we show keeps them with as much in it as there may be.

They are held twice: by our list of them, by which the loopback Slack refuses as Slack does, and by
slack_sdk's own models.
"""

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

import bot.slack_frontend
from bot.actions import Action, Button, Click
from bot.adapter_form import PARTS, fields_of
from bot.benchmarks.loopback_slack.rules import (
    IDS,
    LIMITS,
    MOST_BLOCKS,
    faults,
    refuse_message,
    refuse_view,
)
from bot.duel import Announcement
from bot.reply import make_reply
from bot.slack_frontend.additions import addition_screen, proposed_screen
from bot.slack_frontend.admin_form import rules_form
from bot.slack_frontend.app_home import admin_blocks, home_view, past_blocks
from bot.slack_frontend.delivery import comment_for
from bot.slack_frontend.forms import prompt_form
from bot.slack_frontend.listing import page_screen
from bot.slack_frontend.own_commands import forget_screen, help_screen
from bot.slack_frontend.screens import (
    Screen,
    announcement_screen,
    lines_screen,
    reply_screen,
    sentence_screen,
    status_screen,
    why_screen,
)
from bot.slack_frontend.sharing import ALT, TITLE
from bot.slack_frontend.tasks import tasks_form
from bot.slack_frontend.upkeep import edit_form, info_screen
from bot.status import Status
from bot.texts import texts_for
from engine.desk import Addition, Described, Listing, Page, Past
from engine.values import Answer, Asker, Composition, Phase, Rules, Task, Timings
from tests import samples

IMAGES, ADAPTERS = 8, 12
#: As long as a prompt may be; every second character counts twice, in Slack's way of counting.
LONG = "👍x " * 3000
LINK = f"https://civitai.com/models/{'1' * 2800}"
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def answer(phase: Phase = Phase.RENDERED, kind: Any = "prompt", failure: str = "") -> Answer:
    """Returns an answer with as much in it as there may be, every adapter with a long title."""
    ids = [f"a{n}" for n in range(ADAPTERS)]
    picks = [
        replace(samples.pick(i), title=LONG, reason=LONG, creator=LONG, licence=LONG, link=LINK)
        for i in ids
    ]
    tasks = (*(Task(LONG, (one,)) for one in picks), Task(LONG, ()))
    on = tuple(samples.loaded(i, 0.4 + n / 100, 0.9) for n, i in enumerate(ids))
    return Answer(
        request=samples.request(LONG, image_count=IMAGES, kind=kind, parent_id="r0"),
        phase=phase,
        composition=Composition(LONG, tasks, "local"),
        plans=tuple(samples.plan(n, *map(samples.planned, ids)) for n in range(IMAGES)),
        renderings=tuple(samples.rendering(n, on=on) for n in range(IMAGES)),
        timings=Timings(),
        notes=(LONG,) * 20,
        failure=failure or None,
    )


def adapter(number: int = 0) -> Any:
    return samples.adapter(
        f"a{number}{'i' * 200}", LONG, description=LONG, tags=(LONG,) * 9,
        trigger_words=(LONG,) * 9, notes=LONG, creator=LONG, licence=LONG, lineage=LONG, link=LINK,
    )  # fmt: skip


def addition(state: Any, number: int = 0) -> Addition:
    asker = Asker("slack", ":T1", "C1", "U1")
    described = Described(title=LONG[:200], description=LONG)
    return Addition(f"n{number}", asker, described, state, url=LINK, sentence=LONG)


def shown(locale: str) -> Iterator[tuple[Callable[..., Any], Screen | View | list[Block]]]:
    """Yields everything that the frontend makes, with what makes it, as full as it may be."""
    texts = texts_for(locale)
    full = make_reply(answer(), texts)
    cancel = Button(Click(Action.CANCEL, "r" * 10), LONG)
    tasks = ((LONG, (LONG,) * 3),) * ADAPTERS
    yield (
        status_screen,
        status_screen(Status("r1", LONG, LONG[:900], tasks, (LONG,) * 3, (cancel,), 0.5)),
    )
    for one in (
        full,
        make_reply(answer(Phase.FAILED, failure=LONG), texts),
        make_reply(answer(Phase.CANCELLED), texts),
        make_reply(answer(kind="duel"), texts),
    ):
        yield reply_screen, reply_screen(one, texts)
    yield why_screen, why_screen(full, texts)
    yield lines_screen, lines_screen(LONG, [LONG] * 50)
    told = Announcement("r1", LONG, (LONG,) * 20, cancel)
    yield announcement_screen, announcement_screen(told)
    yield sentence_screen, sentence_screen(LONG)
    yield help_screen, help_screen(texts)
    yield forget_screen, forget_screen(texts)
    for state in ("waiting", "fetching", "proposed", "refused"):
        card = adapter() if state == "proposed" else None
        yield addition_screen, addition_screen(addition(state), card, texts)
    waiting = [addition("proposed", n) for n in range(20)]
    yield proposed_screen, proposed_screen(waiting, [LONG] * 20, texts)
    yield info_screen, info_screen(adapter(), [LONG, LONG], texts)
    for part in PARTS:
        fields = fields_of(adapter(), part, texts)
        yield edit_form, edit_form(LONG, fields, "o" * 200, texts)
    page = Page(Listing("l1", LONG), 3, tuple(map(adapter, range(8))), True, OPTIONS)
    yield page_screen, page_screen(page, texts)
    composition = answer().composition
    assert composition
    yield tasks_form, tasks_form(composition, "o" * 200, texts)
    yield prompt_form, prompt_form(texts, IMAGES)
    everything = Rules(
        LONG, 8, tuple(f"C{n:010}" for n in range(500)), daily=10**6, gallery="C1",
        librarians=tuple(f"U{n:010}" for n in range(500)),
    )  # fmt: skip
    checkpoints = [f"{n}{LONG}"[:60] for n in range(150)]
    yield rules_form, rules_form(everything, checkpoints, "C1", texts)
    past = [Past(f"r{n}", "prompt", LONG, Phase.RENDERED, 8, NOW, ("F1",)) for n in range(10)]
    rest = admin_blocks(everything, waiting, texts)
    yield past_blocks, past_blocks(past, texts)
    yield admin_blocks, rest
    lines = lines_screen(LONG, [LONG] * 20).blocks
    yield home_view, home_view([past_blocks(past, texts), lines, lines, rest])


OPTIONS = tuple(f"base={'b' * n}" for n in range(1, 30))
SHOWN = [(f"{locale}-{n}", made) for locale in ("en", "de") for n, made in enumerate(shown(locale))]


@pytest.mark.parametrize(("_name", "made"), SHOWN, ids=[name for name, _ in SHOWN])
def test_everything_fits(_name: str, made: tuple[Callable[..., Any], Any]) -> None:
    screen = made[1]
    if isinstance(screen, View):
        view = json.loads(json.dumps(screen.to_dict()))
        assert list(faults(view)) == []
        assert refuse_view(view) == ""
        assert View(**view).to_dict() == view
        return
    blocks = screen.as_json() if isinstance(screen, Screen) else [b.to_dict() for b in screen]
    blocks = json.loads(json.dumps(blocks))
    assert list(faults(blocks)) == []
    assert len(blocks) <= MOST_BLOCKS
    assert [block.to_dict() for block in Block.parse_all(blocks)] == blocks
    if isinstance(screen, Screen):
        assert refuse_message(screen.text, blocks) == ""


def test_nothing_that_is_shown_is_left_out() -> None:
    """Every function of the frontend that makes a screen, a form or blocks stands above."""
    made = set()
    for path in Path(bot.slack_frontend.__file__).parent.glob("*.py"):
        module = import_module(f"bot.slack_frontend.{path.stem}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            wanted = inspect.signature(function).return_annotation
            if not name.startswith("_") and wanted in (Screen, View, list[Block]):
                made.add(function)
    assert made == {function for function, _ in shown("en")}


def test_the_words_of_files_fit() -> None:
    """An alt text has 1,000 characters, though blocks take 2,000; a comment is a message."""
    texts = texts_for("en")
    assert max(ALT, TITLE) <= 1000
    assert refuse_message(comment_for(make_reply(answer(), texts), texts), []) == ""


def full(kind: str, name: str, size: int) -> dict[str, Any]:
    """Returns a part of that type whose text or list has that size."""
    words = {"type": "plain_text", "text": "x"}
    made: dict[str, Any] = {"type": kind} if kind != "option" else {"value": "v"}
    made |= {"text": words} if kind in ("section", "option") else {}
    listed = name.removesuffix("[]")
    if listed != name:
        return made | {listed: [{**words, "text": "x" * size}]}
    if name in ("options", "elements", "fields", "blocks"):
        entry = {"fields": words, "options": {"text": words, "value": "v"}}
        return made | {name: [entry.get(name, {"type": "divider"})] * size}
    as_text = name in ("value", "url", "image_url", "alt_text", "initial_value", *IDS)
    as_text |= name in ("private_metadata", "callback_id")
    return made | {name: "x" * size if as_text else {**words, "text": "x" * size}}


RULES = [(kind, name, most) for kind in LIMITS for name, most in (LIMITS[kind] | IDS).items()]


@pytest.mark.parametrize(("kind", "name", "most"), RULES)
def test_each_limit_is_refused_one_beyond_it(kind: str, name: str, most: int) -> None:
    assert list(faults(full(kind, name, most))) == []
    first, *_ = faults(full(kind, name, most + 1))
    assert first == f"{kind}.{name}: {most + 1} of at most {most}"


def test_what_has_no_number_is_refused_too() -> None:
    button = {"type": "button", "text": {"type": "plain_text", "text": "x"}, "action_id": "a"}
    twice = [{"type": "actions", "elements": [button]}, {"type": "actions", "elements": [button]}]
    marked = {"type": "header", "text": {"type": "mrkdwn", "text": "x"}}
    box = {"type": "plain_text_input", "max_length": 3001}
    overfull = {"type": "plain_text_input", "max_length": 2, "initial_value": "xxx"}
    for wrong in (twice, [marked], [{"type": "section"}], [{"type": "video"}], [box], [overfull]):
        assert list(faults(wrong)), wrong
    assert refuse_message("", []) == "no_text"
    assert refuse_message("x" * 40_001, []) == "msg_too_long"
    assert refuse_message("x", [{"type": "divider"}] * 51) == "invalid_blocks"
    asking = {"type": "input", "label": {"type": "plain_text", "text": "x"}, "element": box}
    assert refuse_view({"type": "modal", "blocks": [asking]}) == "invalid_arguments"
