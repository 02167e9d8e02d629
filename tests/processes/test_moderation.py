"""The gate at finished images, with real processes: a LoRA whose card lies about what it draws."""

from dataclasses import replace
from hashlib import sha256

import pytest

from engine import builtin
from engine.desk import Desk
from engine.errors import BadPrompt
from engine.library import catalogue
from engine.library.adapter_files import attach_file
from engine.processes.render_worker import ALL_WITHHELD
from engine.retrieving.embedder import load_embedder
from engine.values import Asker, Overrides, Phase, Request
from tests.cards import card
from tests.processes.test_path import ask, finish

HERE = Asker("discord", workspace="w9", channel="c9", user="ada")
LYING = card("lying", "Friendly face", description="A face.", trigger_words=["white skull"])
PROMPT = "a white skull on a black background"


async def submit(desk: Desk, *, unsafe: bool = False) -> Request:
    asked = ask(PROMPT, steps=15, seed=5, overrides=Overrides(pin=("test:lying",), unsafe=unsafe))
    return await desk.submit(replace(asked, asker=HERE))


async def test_what_must_not_be_shown_is_not(running_desk: Desk) -> None:
    """The card says safe, so both earlier gates are passed; among adults it is shown."""
    desk = running_desk
    await catalogue.import_cards(desk.database, load_embedder(), [LYING])
    content = (builtin.LORAS / "skull-motif.safetensors").read_bytes()
    blob = desk.store.put("adapters", content, ".safetensors")
    async with desk.database.transaction() as connection:
        await attach_file(connection, "test:lying", blob, sha256(content).hexdigest())
    refused = await finish(desk, await submit(desk))
    assert (refused.phase, refused.failure) == (Phase.FAILED, ALL_WITHHELD)
    assert refused.renderings == ()
    claimed = await finish(desk, await submit(desk, unsafe=True))
    assert claimed.phase is Phase.FAILED, "the rule of the place is what counts"
    await desk.workspaces.change(HERE, unsafe=True)
    shown = await finish(desk, await submit(desk, unsafe=True))
    assert [one.skipped for one in shown.renderings] == [(), ()]
    assert await desk.lookup.preview("test:lying", HERE) is None, "no card shows it either"
    elsewhere = replace(HERE, channel="c10")
    again = await finish(desk, await desk.reroll(shown.request.id, elsewhere))
    withheld = [note for note in again.notes if "withheld" in note]
    assert len(again.renderings) + len(withheld) == 2 or again.phase is Phase.FAILED
    assert withheld or again.failure == ALL_WITHHELD, "nor is it continued in another channel"


async def test_a_refused_prompt_leaves_no_request(running_desk: Desk) -> None:
    with pytest.raises(BadPrompt, match="not taken here"):
        await running_desk.submit(ask("a nude woman"))
