"""From a file or a URL in a chat to the first image that uses it, with real processes."""

import io
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from engine.desk import Desk, open_desk
from engine.library import catalogue
from engine.library.addition_rows import Addition, Described
from engine.retrieving.embedder import load_embedder
from engine.values import Asker, Overrides
from tests.cards import card
from tests.loopback_files import LoopbackFiles, serve_files
from tests.processes.installation import Installation, make_lora
from tests.processes.test_path import ask, finish

ADMIN = Asker("console", user="admin")
WAVY = Described("Wavy lines", "Draws wavy lines.", ("wavy",), 0.7)


@pytest.fixture
async def files() -> AsyncIterator[LoopbackFiles]:
    async with serve_files() as served:
        yield served


@pytest.fixture
async def desk(idle: Installation) -> AsyncIterator[Desk]:
    """The desk of an installation that fetches from the loopback and whose workers run."""
    idle.environment |= {
        "STYLUS_LIBRARY__PRIVATE_HOSTS": "true",
        "STYLUS_LIBRARY__HOSTS": '["127.0.0.1"]',
        "STYLUS_SAMPLING__STEPS": "2",
        "STYLUS_LIBRARY__REMOTE_ADAPTERS": "on demand",
    }
    library = idle.settings.library.model_copy(
        update={
            "private_hosts": True,
            "hosts": ("127.0.0.1",),
            "remote_adapters": "on demand",
        }
    )
    idle.start("engine")
    idle.start("renderer")
    async with open_desk(idle.settings.model_copy(update={"library": library})) as desk:
        yield desk


async def settled(desk: Desk, made: Addition) -> Addition:
    return [seen async for seen in desk.additions.follow(made.id)][-1]


async def test_from_a_url_to_the_first_image(
    desk: Desk, idle: Installation, files: LoopbackFiles, tmp_path: Path
) -> None:
    """No prompt finds it before an admin has approved; then the next one does."""
    lora = make_lora(tmp_path / "wavy.safetensors", idle.settings, seed=21).read_bytes()
    files.contents["/wavy.safetensors"] = lora
    url = f"{files.url}/wavy.safetensors"
    made = await settled(desk, await desk.additions.propose_url(url, WAVY, ADMIN))
    assert (made.state, made.sentence) == ("proposed", None)
    adapter = await desk.lookup.find(str(made.adapter_id), ADMIN)
    sheet = Image.open(io.BytesIO(await desk.additions.sample(adapter) or b""))
    assert sheet.size == (4 * 256, 2 * 256), "four images without it and four with it"
    assert adapter.measured
    assert adapter.measured["strength"] > 0
    before = await finish(desk, await desk.submit(ask("wavy lines")))
    assert before.composition
    assert made.adapter_id not in {p.adapter_id for p in before.composition.picks}
    await desk.additions.decide(made.id, ADMIN, approve=True, allowed=True)
    after = await finish(desk, await desk.submit(ask("wavy lines")))
    assert made.adapter_id in {a.adapter_id for a in after.renderings[0].loaded}
    again = await settled(
        desk, await desk.additions.propose_file("again.safetensors", lora, WAVY, ADMIN)
    )
    assert again.state == "refused"
    assert again.sentence == "That file is in the library already, as “Wavy lines”."
    assert desk.store.read(str(again.upload)) == lora, "the library's own file stays"


async def test_a_card_without_a_file_is_fetched_for_the_prompt(
    desk: Desk, idle: Installation, files: LoopbackFiles, tmp_path: Path
) -> None:
    """Of two chosen adapters one cannot be had: the images come without it, with the reason."""
    lora = make_lora(tmp_path / "zigzag.safetensors", idle.settings, seed=22).read_bytes()
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
    folder = desk.settings.home / "blobs" / str(file.upload)
    assert not folder.exists()
    gone = await settled(desk, page)
    assert (gone.state, gone.adapter_id) == ("refused", None)
    assert "sent a web page instead of a file" in str(gone.sentence)
