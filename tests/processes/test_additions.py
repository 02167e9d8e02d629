"""From a URL in a chat to the first image that uses it, with real processes."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import text

from bot.benchmarks.loopback_slack.workspace import ADMIN as SLACK_ADMIN
from bot.benchmarks.loopback_slack.workspace import ART
from engine.desk import Desk, open_desk
from engine.library import catalogue
from engine.library.addition_rows import Addition, Described
from engine.library.download_folder import PREFIX
from engine.retrieving.embedder import load_embedder
from engine.values import Answer, Asker, Overrides
from tests.cards import card
from tests.conftest import Server
from tests.discord.conftest import Server as Guild
from tests.discord.conftest import discord_server, simcord_bot
from tests.discord.conftest import words_of as discord_words
from tests.discord.test_admin import admin_of
from tests.loopback_files import LoopbackFiles, serve_files
from tests.processes.conftest import installed
from tests.processes.installation import Installation, fall_silent, make_lora
from tests.processes.test_path import ask, finish
from tests.slack.conftest import Workspace, slack, workspace
from tests.slack.conftest import words_of as slack_words

__all__ = ["discord_server", "simcord_bot", "slack", "workspace"]  # fixtures

ADMIN = Asker("console", user="admin")
WAVY = Described("Wavy lines", "Draws wavy lines.", ("wavy",), 0.7)


@pytest.fixture
async def files() -> AsyncIterator[LoopbackFiles]:
    async with serve_files() as served:
        yield served


@pytest.fixture(scope="module")
def fetching(
    server: Server, furnished: str, blobs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """An installation that fetches from the loopback, whose workers run for all these tests."""
    for installation in installed(server, furnished, blobs, ()):
        installation.environment |= {
            "TMPDIR": str(tmp_path_factory.mktemp("downloads")),
            "STYLUS_LIBRARY__PRIVATE_HOSTS": "true",
            "STYLUS_LIBRARY__HOSTS": '["127.0.0.1"]',
            "STYLUS_SAMPLING__STEPS": "2",
            "STYLUS_LIBRARY__REMOTE_ADAPTERS": "on demand",
        }
        workers = [installation.spawn(role) for role in ("engine", "renderer")]
        for worker in workers:
            worker.until(" ready ")
        yield installation


@pytest.fixture
async def desk(fetching: Installation) -> AsyncIterator[Desk]:
    ours = fetching.settings
    fetches = {"private_hosts": True, "hosts": ("127.0.0.1",), "remote_adapters": "on demand"}
    changed = {
        "library": ours.library.model_copy(update=fetches),
        "sampling": ours.sampling.model_copy(update={"steps": 2}),
    }
    async with open_desk(ours.model_copy(update=changed)) as desk:
        yield desk


async def settled(desk: Desk, made: Addition) -> Addition:
    return [seen async for seen in desk.additions.follow(made.id)][-1]


def serve_lora(
    files: LoopbackFiles, installation: Installation, folder: Path, seed: int
) -> tuple[bytes, str, asyncio.Event]:
    """Serves a LoRA; returns it, its URL, and what lets its second half through."""
    lora = make_lora(folder / f"{seed}.safetensors", installation.settings, seed).read_bytes()
    files.contents[f"/{seed}.safetensors"] = lora
    gate = files.gates[f"/{seed}.safetensors"] = asyncio.Event()
    return lora, f"{files.url}/{seed}.safetensors", gate


async def until_told(desk: Desk, platform: str, holds: Callable[[], bool]) -> None:
    """Does what the frontend's process does, until people see something."""
    async with asyncio.timeout(60):
        while not holds():
            await desk.announcing.tell_waiting(platform)
            await asyncio.sleep(0.2)


async def until(holds: Callable[[], bool]) -> None:
    """Waits for what other processes do."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.05)


async def newest(desk: Desk, platform: str) -> Addition:
    async with desk.database.transaction() as connection:
        statement = "select id from additions where platform = :it order by created_at desc limit 1"
        return await desk.additions.load(
            str(await connection.scalar(text(statement), {"it": platform}))
        )


async def test_on_discord_from_a_url_to_the_first_image(
    desk: Desk, fetching: Installation, files: LoopbackFiles, tmp_path: Path, discord_server: Guild
) -> None:
    """One message from the progress to the card; no prompt finds it before an admin's word, and
    then the next one does. What is in the library already is not taken twice."""
    lora, url, gate = serve_lora(files, fetching, tmp_path, seed=21)
    eve, channel = admin_of(discord_server), discord_server.channel
    await eve.slash(
        channel, "stylus-admin lora add", url=url, title="Wavy lines", triggers="wavy", weight=0.7
    )
    shown = discord_server.last
    await until_told(desk, "discord", lambda: "MB are here" in discord_words(discord_server.last))
    assert f"of {len(lora) / 2**20:.1f} MB" in discord_words(discord_server.last).replace("\\", "")
    gate.set()
    made = await settled(desk, await newest(desk, "discord"))
    assert (made.state, made.sentence) == ("proposed", None)
    await desk.announcing.tell_waiting("discord")
    card = discord_server.last
    assert card.id == shown.id, "the same message"
    assert "is proposed for the library" in discord_words(card)
    sheet = Image.open(io.BytesIO(await card.attachments[0].read()))
    assert sheet.size == (4 * 256, 2 * 256), "four images without it and four with it"
    before = await ask_on_discord(desk, discord_server)
    assert before.composition
    assert made.adapter_id not in {p.adapter_id for p in before.composition.picks}
    await eve.click(card, custom_id=f"stylus:approve:{made.id}")
    after = await ask_on_discord(desk, discord_server)
    assert made.adapter_id in {a.adapter_id for a in after.renderings[0].loaded}
    assert "Wavy lines" in discord_words(discord_server.last)
    assert len(discord_server.last.attachments) == 1
    here = Asker("discord", str(discord_server.guild.id), "1", "2")
    again = await settled(
        desk, await desk.additions.propose_file("again.safetensors", lora, WAVY, here)
    )
    assert again.state == "refused"
    assert again.sentence == "That file is in the library already, as “Wavy lines”."
    assert desk.store.read(str(again.upload)) == lora, "the library's own file stays"


async def ask_on_discord(desk: Desk, server: Guild) -> Answer:
    """Somebody asks; returns the answer once it is in the channel."""
    request = await server.prompt("wavy lines", images=1)
    answer = await finish(desk, request)
    await desk.deliver_waiting("discord")
    return answer


async def test_on_slack_from_a_url_to_the_first_image(
    desk: Desk, fetching: Installation, files: LoopbackFiles, tmp_path: Path, workspace: Workspace
) -> None:
    """The same, and another platform's people do not see it."""
    _, url, gate = serve_lora(files, fetching, tmp_path, seed=23)
    words = f'lora add {url} --title "Curly lines" --triggers curly --weight 0.7'
    await workspace.slack.slash(words, user=SLACK_ADMIN, command="/stylus-admin")
    await workspace.settled()
    shown = workspace.slack.messages(ART)[-1]
    await until_told(desk, "slack", lambda: "MB are here" in slack_words(shown))
    gate.set()
    made = await settled(desk, await newest(desk, "slack"))
    assert (made.state, made.sentence) == ("proposed", None)
    await desk.announcing.tell_waiting("slack")
    assert "is proposed for the library" in slack_words(shown), "the same message"
    samples = workspace.slack.messages(ART, shown["ts"])[-1]
    assert [file["name"] for file in samples["files"]] == ["samples.png"]
    await workspace.slack.click(f"stylus:approve:{made.id}", shown, SLACK_ADMIN)
    await workspace.settled()
    answer = await finish(desk, await workspace.prompt("curly lines --images 1"))
    await workspace.deliver()
    assert made.adapter_id in {a.adapter_id for a in answer.renderings[0].loaded}
    assert "Curly lines" in slack_words(workspace.root)
    elsewhere = await finish(desk, await desk.submit(ask("curly lines", images=1)))
    assert elsewhere.composition
    assert made.adapter_id not in {p.adapter_id for p in elsewhere.composition.picks}


async def test_a_card_without_a_file_is_fetched_for_the_prompt(
    desk: Desk, fetching: Installation, files: LoopbackFiles, tmp_path: Path
) -> None:
    """Of two chosen adapters one cannot be had: the images come without it, with the reason."""
    lora = make_lora(tmp_path / "zigzag.safetensors", fetching.settings, seed=22).read_bytes()
    files.contents["/zigzag.safetensors"] = lora
    both = [
        card(name, f"{name} lines", trigger_words=[name], file_sha256=sha)
        | {"link": f"{files.url}/{name}.safetensors"}
        for name, sha in (("zigzag", sha256(lora).hexdigest()), ("page", "ab" * 32))
    ]
    await catalogue.import_cards(desk.database, load_embedder(), both)
    pins = Overrides(adapters="none", pin=("test:zigzag", "test:page"))
    answer = await finish(desk, await desk.submit(ask("zigzag lines", overrides=pins, images=1)))
    assert [one.adapter_id for one in answer.renderings[0].loaded] == ["test:zigzag"]
    assert [one.adapter_id for one in answer.renderings[0].skipped] == ["test:page"]
    assert "sent a web page" in answer.renderings[0].skipped[0].reason


async def test_what_is_no_lora_is_refused_and_leaves_nothing(
    desk: Desk, files: LoopbackFiles
) -> None:
    file = await desk.additions.propose_file("nasty.pt", b"\x80\x04evil", WAVY, ADMIN)
    page = await desk.additions.propose_url(f"{files.url}/page", WAVY, ADMIN)
    refused = await settled(desk, file)
    assert refused.state == "refused"
    assert "Wavy lines" in str(refused.sentence)
    kept = desk.settings.home / "blobs" / str(file.upload)
    await until(lambda: not kept.exists())
    gone = await settled(desk, page)
    assert (gone.state, gone.adapter_id) == ("refused", None)
    assert "sent a web page instead of a file" in str(gone.sentence)


async def test_an_engine_killed_in_a_download_loses_nothing(
    desk: Desk, fetching: Installation, files: LoopbackFiles, tmp_path: Path
) -> None:
    """The next engine fetches the whole file, and removes what there was of it."""
    lora, url, gate = serve_lora(files, fetching, tmp_path, seed=31)
    made = await desk.additions.propose_url(url, WAVY, ADMIN)
    path = url.removeprefix(files.url)
    await until(lambda: bool(halves(fetching)))
    await asyncio.to_thread(fetching.started[0].kill)
    await fall_silent(desk, alive=1)
    assert (await desk.additions.load(made.id)).state == "fetching"
    gate.set()
    await asyncio.to_thread(fetching.start, "engine")
    async for seen in desk.additions.follow(made.id):
        if seen.upload:
            break
    assert files.asked.count(path) == 2
    assert desk.store.read(str(seen.upload)) == lora
    assert halves(fetching) == []


def halves(installation: Installation) -> list[Path]:
    """Returns what lies here of downloads under way."""
    return list(Path(installation.environment["TMPDIR"]).glob(f"{PREFIX}*/file"))
