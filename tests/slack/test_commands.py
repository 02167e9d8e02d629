"""Commands beside the prompt, forms, and the app's Home."""

from typing import Any

import pytest

from bot.benchmarks.loopback_slack.workspace import ANN, ART, BOB, BOT, DM
from engine.errors import BadOption
from engine.values import Asker, Rules
from tests.discord.atelier import compose, fail, finish, png, render
from tests.slack.conftest import Workspace, ids_of, words_of

MINE = Asker("slack", ":T1", ART, ANN)


async def told(workspace: Workspace, command: str, user: str = ANN) -> str:
    """Returns what a command tells the person alone."""
    await workspace.slack.slash(command, user=user)
    await workspace.settled()
    return words_of(workspace.slack.whispers[-1])


async def test_what_one_wants_to_know_is_told_to_them_alone(workspace: Workspace) -> None:
    request = await workspace.prompt("red <!channel> star --images 2")
    assert "--images 4" in await told(workspace, "help")
    assert request.id in await told(workspace, "history")
    assert request.id not in await told(workspace, "history nothing")
    assert request.id in await told(workspace, "queue")
    assert request.id not in await told(workspace, "queue", BOB)
    assert "2 images within 24 hours" in await told(workspace, "quota")
    assert "Queued" in await told(workspace, f"show {request.id}")
    assert "somebody else" in await told(workspace, f"cancel {request.id}", BOB)
    assert "Cancelled" in await told(workspace, "cancel")
    assert "no request under way" in await told(workspace, "cancel")
    assert "no request" in await told(workspace, "show nothing00x")
    assert len(workspace.slack.messages(ART)) == 1


async def test_show_sends_the_answer_to_the_person_or_shares_it(workspace: Workspace) -> None:
    request = await workspace.prompt()
    await finish(workspace.desk, request)
    assert "direct messages" in await told(workspace, f"show {request.id}")
    assert [bool(m.get("files")) for m in workspace.slack.messages(DM)] == [False, True]
    before = len(workspace.slack.messages(ART))
    await told(workspace, f"show {request.id} share")
    assert len(workspace.slack.messages(ART)) == before + 2


async def test_the_library_is_searched_by_what_adapters_draw(
    catalogue: tuple[str, ...], workspace: Workspace
) -> None:
    found = await told(workspace, "lora search a star")
    assert any(adapter_id in found for adapter_id in catalogue)
    assert catalogue[0] in await told(workspace, f"lora info {catalogue[0]}")
    assert "no adapter" in await told(workspace, "lora info nothing")


async def test_the_library_is_looked_through_page_by_page(
    catalogue: tuple[str, ...], workspace: Workspace
) -> None:
    """In one message that only the person sees; a filter begins at the first page."""
    slack, message = workspace.slack, workspace.slack.say(ART, BOB, "buttons")
    assert (await told(workspace, "lora list")).count("test:") == 8 + 8  # lines and options
    page = slack.whispers[-1]
    filters = next(b["accessory"] for b in page["blocks"] if "accessory" in b)
    cards, after = ids_of(page)
    assert "rating=unsafe" not in {one["value"] for one in filters["options"]}
    await slack.click(after, message, ANN)
    await workspace.settled()
    assert words_of(slack.whispers[-1]).count("test:") == 3 + 3
    chosen = [{"value": "base=sdxl"}]
    await slack.click(filters["action_id"], message, ANN, selected_options=chosen)
    await workspace.settled()
    assert "Star for SDXL" in words_of(slack.whispers[-1])
    assert words_of(slack.whispers[-1]).count("test:") == 1 + 1
    handle = next(
        e["options"][0]["value"]
        for b in slack.whispers[-1]["blocks"]
        for e in b.get("elements", [])
        if e.get("action_id") == cards
    )
    await slack.click(cards, message, ANN, selected_option={"value": handle})
    await workspace.settled()
    assert "made for: sdxl" in words_of(slack.whispers[-1])
    await slack.click(after, message, BOB)
    await workspace.settled()
    assert "somebody else's" in words_of(slack.whispers[-1])


async def test_the_form_asks_like_the_command(workspace: Workspace) -> None:
    await workspace.slack.slash("")
    await workspace.settled()
    answer = await workspace.slack.send_form(filled("red star", images="2", size="64x128"))
    assert answer is None
    await workspace.settled()
    request = await workspace.newest()
    assert (request.prompt, request.image_count, request.sampling.height) == ("red star", 2, 128)
    assert request.overrides.adapters == "none"
    assert "red star" in words_of(workspace.root)
    await workspace.slack.send_form(filled("red star", size="big"))
    await workspace.settled()
    assert "no size" in workspace.slack.whispers[-1]["text"]


def filled(prompt: str, **fields: str) -> dict[str, Any]:
    values: dict[str, Any] = {name: {"value": text} for name, text in fields.items()}
    return values | {
        "prompt": {"value": prompt},
        "adapters": {"selected_option": {"value": "none"}},
        "channel": {"selected_conversation": ART},
    }


def chosen(*numbers: int) -> dict[str, Any]:
    return {"selected_options": [{"value": str(number)} for number in numbers]}


async def test_tasks_render_again_what_is_chosen(
    catalogue: tuple[str, ...], workspace: Workspace
) -> None:
    star, neon = catalogue[:2]
    request = await workspace.prompt()
    await compose(workspace.desk, request, {star: "Big star", neon: "Neon glow"})
    await render(workspace.desk, request)
    await workspace.deliver()
    await workspace.slack.click(f"stylus:tasks:{request.id}", workspace.root)
    await workspace.settled()
    values = {
        "ideas": chosen(0, 1),
        "adapters": chosen(1),
        "pins": chosen(1),
        "weight-1": {"value": "many"},
    }
    answer = await workspace.slack.send_form(values)
    assert answer == {
        "response_action": "errors",
        "errors": {"weight-1": "“many” is no weight; write a number such as 0.8."},
    }
    await workspace.slack.send_form({**values, "weight-1": {"value": "0.5"}})
    await workspace.settled()
    again = await workspace.newest()
    assert (again.kind, again.parent_id, again.seed) == ("revise", request.id, request.seed)
    wishes = again.overrides
    assert (wishes.pin, wishes.drop, wishes.weights) == ((neon,), (star,), {neon: 0.5})


async def test_a_form_outlives_its_request(workspace: Workspace) -> None:
    request = await workspace.prompt()
    await finish(workspace.desk, request)
    await workspace.slack.click(f"stylus:tasks:{request.id}", workspace.root)
    await workspace.desk.forgetting.person("slack", ANN)
    assert await workspace.slack.send_form({"ideas": chosen(), "adapters": chosen()}) is None
    assert "There is no request" in words_of(workspace.slack.whispers[-1])
    assert await workspace.count("requests") == 1


async def test_a_picture_with_words_is_changed_by_them(workspace: Workspace) -> None:
    file = workspace.slack.upload(ANN, "cat.png", png(size=64))
    await workspace.slack.mention("a red star --images 2", files=[file])
    await workspace.settled()
    made = await workspace.newest()
    assert (made.kind, made.prompt, made.image_count) == ("translate", "a red star", 2)
    mask = workspace.slack.upload(ANN, "mask.png", png("white", 64))
    await workspace.slack.mention("inpaint a red star", files=[file, mask])
    await workspace.settled()
    assert (await workspace.newest()).kind == "inpaint"


async def home(workspace: Workspace) -> dict[str, Any]:
    """Ann opens her Home."""
    await workspace.slack.event({"type": "app_home_opened", "user": ANN, "tab": "home"})
    await workspace.settled()
    return workspace.slack.homes[ANN]


async def test_home_shows_what_one_asked(workspace: Workspace) -> None:
    assert "Nothing yet" in words_of(await home(workspace))
    done = await workspace.prompt()
    await finish(workspace.desk, done)
    request = await workspace.prompt()
    first = next(iter(workspace.slack.files))
    shown = await home(workspace)
    assert request.id in words_of(shown)
    assert "1 of 10 unfinished requests" in words_of(shown), "the quota"
    assert f"{request.id} · red star · queued" in words_of(shown), "the queue"
    pictures = [b["accessory"] for b in shown["blocks"] if "accessory" in b]
    assert pictures == [{"type": "image", "alt_text": "red star", "slack_file": {"id": first}}]
    del workspace.slack.files[first]
    shown = await home(workspace)
    assert done.id in words_of(shown)
    assert not [b for b in shown["blocks"] if "accessory" in b]


async def test_the_form_takes_every_other_option_as_the_command_does(
    workspace: Workspace, catalogue: tuple[str, ...]
) -> None:
    await workspace.slack.take_shortcut("stylus_form")
    await workspace.settled()
    more = f"--steps 7 --pin {catalogue[0]}"
    chosen = {"adapters": {"selected_option": {"value": "auto"}}}
    await workspace.slack.send_form({**filled("red star", images="2", more=more), **chosen})
    await workspace.settled()
    request = await workspace.newest()
    assert (request.prompt, request.image_count, request.sampling.steps) == ("red star", 2, 7)
    assert request.overrides.pin == (catalogue[0],)
    await workspace.slack.send_form(filled("red star", more="blue --steps 7"))
    await workspace.settled()
    assert "write them into the prompt" in workspace.slack.whispers[-1]["text"]


async def test_the_form_can_ask_for_a_private_answer(workspace: Workspace) -> None:
    await workspace.slack.slash("")
    await workspace.settled()
    private = {"private": {"selected_options": [{"value": "private"}]}}
    await workspace.slack.send_form({**filled("red star"), **private})
    await workspace.settled()
    request = await workspace.newest()
    assert request.asker.channel == DM
    assert (await workspace.desk.homes.of(request.id)).private
    assert workspace.slack.messages(ART) == []
    assert "direct messages" in words_of(workspace.slack.whispers[-1])


async def test_the_rules_of_the_workspace_are_kept(workspace: Workspace) -> None:
    change = workspace.desk.workspaces.change
    await change(MINE, images=3, mentions=False)
    assert (await workspace.prompt("red star")).image_count == 3
    await workspace.slack.mention("red star")
    assert await workspace.count("requests") == 1
    await change(MINE, channels=("CELSE",))
    assert "not allowed in this channel" in await told(workspace, "prompt red star")
    assert not (await workspace.newest()).overrides.unsafe, "nobody has allowed it"
    await change(MINE, channels=(), daily=1)
    assert "You may ask for 1 images" in await told(workspace, "prompt red star")
    assert await workspace.count("requests") == 1


async def test_delete_my_data_takes_messages_and_files(workspace: Workspace) -> None:
    request = await workspace.prompt()
    await finish(workspace.desk, request)
    (images,) = [m for m in workspace.slack.messages() if "files" in m]
    await workspace.slack.tell_of_share(images)
    await told(workspace, "delete-my-data")
    await workspace.slack.click("stylus:forget:me", workspace.root, ANN)
    await workspace.settled()
    assert "1 requests and 1 images are gone" in words_of(workspace.slack.whispers[-1])
    assert [m for m in workspace.slack.messages() if m["user"] == BOT] == []
    assert workspace.slack.files == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a --colour red", "no option --colour"),
        ("a --images two", "takes a number"),
        ("a --seed", "needs a value"),
        ("a --adapters some", "may be auto or none"),
    ],
)
def test_a_flag_that_is_wrong_is_named(text: str, sentence: str) -> None:
    from bot.slack_frontend.flags import to_ask

    with pytest.raises(BadOption, match=sentence):
        to_ask(text, MINE)


def test_flags_are_read_as_phones_write_them() -> None:
    from bot.slack_frontend.flags import to_ask, within

    ask = to_ask("a fox — red —images 2 --negative “text, frame” in rain", MINE)
    assert (ask.prompt, ask.images, ask.negative) == ("a fox — red in rain", 2, "text, frame")
    assert within(ask, Rules(images=7)).images == 2


async def test_everybody_is_told_in_their_own_language(workspace: Workspace) -> None:
    workspace.slack.users[ANN]["locale"] = "de-DE"
    await told(workspace, "help")
    request = await workspace.prompt()
    assert "In der Schlange" in words_of(workspace.root)
    refused = await told(workspace, "prompt red star --images 99")
    assert refused == "images ist 99; erlaubt ist 1 bis 8."
    assert "somebody else" in await told(workspace, f"cancel {request.id}", BOB)
    await fail(workspace.desk, request, "Image 1 came out black or broken: try another seed.")
    assert "Bild 1 wurde schwarz oder kaputt" in words_of(workspace.root)
    asked = [call for call in workspace.slack.called("users.info") if call["user"] == ANN]
    assert len(asked) == 1, "one asks Slack once an hour"
