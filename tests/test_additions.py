"""Additions: who may propose what, and who decides."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text

from engine.desk import Desk
from engine.errors import (
    BadFile,
    BadOption,
    BadUrl,
    NotAllowed,
    StorageUnavailable,
    UnknownAddition,
)
from engine.library.addition_rows import Addition, Described
from engine.library.additions import MOST_OPEN
from engine.library.librarian import open_library
from engine.values import Asker
from tests.samples import ADA, BOB

STAR = Described("A star", "Draws stars.", ("starry",), 0.7)


async def proposed(desk: Desk) -> Addition:
    """An addition of Ada's that a renderer has checked: it became the test catalogue's star."""
    made = await desk.additions.propose_file("star.safetensors", b"a file", STAR, ADA)
    async with desk.database.transaction() as connection:
        await connection.execute(
            text("update additions set state = 'proposed', adapter_id = 'test:star'")
        )
        await connection.execute(
            text("update adapters set status = 'proposed' where id = 'test:star'")
        )
    return await desk.additions.load(made.id)


async def status(desk: Desk) -> str:
    async with desk.database.transaction() as connection:
        statement = text("select status from adapters where id = 'test:star'")
        return str(await connection.scalar(statement))


async def jobs(desk: Desk) -> list[tuple[str, str]]:
    async with desk.database.transaction() as connection:
        rows = await connection.execute(
            text("select task_name, queue_name from procrastinate_jobs order by id")
        )
        return [(row[0], row[1]) for row in rows]


async def test_a_file_goes_to_a_renderer_and_a_url_is_fetched_first(desk: Desk) -> None:
    file = await desk.additions.propose_file("star.safetensors", b"a file", STAR, ADA)
    link = await desk.additions.propose_url("https://civitai.com/x/star.bin", STAR, ADA)
    assert await jobs(desk) == [("check", "render:builtin"), ("fetch", "library")]
    assert await desk.additions.load(file.id) == file
    assert (file.state, file.described, file.workspace) == ("fetched", STAR, ADA.workspace)
    assert (link.state, link.file_name) == ("waiting", "star.bin")
    assert desk.store.read(str(file.upload)) == b"a file"


async def test_a_page_of_a_source_is_kept_as_its_page(desk: Desk) -> None:
    made = await desk.additions.propose_url("urn:air:sdxl:lora:civitai:11@22", STAR, ADA)
    assert made.url == "https://civitai.com/models/11?modelVersionId=22"
    with pytest.raises(BadUrl, match="names a checkpoint"):
        await desk.additions.propose_url("urn:air:sdxl:checkpoint:civitai:11", STAR, ADA)


async def test_what_may_not_be_fetched_is_refused_at_once(desk: Desk) -> None:
    with pytest.raises(BadUrl, match=r"not fetched from evil\.org"):
        await desk.additions.propose_url("https://evil.org/x", STAR, ADA)
    small = desk.settings.library.model_copy(update={"download_mb": 1})
    strict = replace(desk.additions, settings=desk.settings.model_copy(update={"library": small}))
    with pytest.raises(BadFile, match="“huge” is larger than 1 MB"):
        await strict.propose_file("huge", bytes(2**20 + 1), STAR, ADA)
    assert await jobs(desk) == []


async def test_a_person_has_so_many_undecided_ones(desk: Desk) -> None:
    for n in range(MOST_OPEN):
        await desk.additions.propose_file(f"{n}", b"a file", STAR, ADA)
    with pytest.raises(BadOption, match=f"You have {MOST_OPEN} undecided LoRAs"):
        await desk.additions.propose_file("one more", b"a file", STAR, ADA)
    await desk.additions.propose_file("another's", b"a file", STAR, BOB)


async def test_an_admin_of_the_place_decides_once(desk: Desk, catalogue: tuple[str, ...]) -> None:
    made = await proposed(desk)
    assert [a.id for a in await desk.additions.proposed(BOB)] == [made.id]
    with pytest.raises(NotAllowed, match="Only an admin decides"):
        await desk.additions.decide(made.id, ADA, approve=True, allowed=False)
    stranger = replace(BOB, workspace="another")
    assert await desk.additions.proposed(stranger) == []
    with pytest.raises(UnknownAddition, match="There is no proposed LoRA"):
        await desk.additions.decide(made.id, stranger, approve=True, allowed=True)
    assert await status(desk) == "proposed"
    decided = await desk.additions.decide(made.id, BOB, approve=True, allowed=True)
    assert (decided.state, await status(desk)) == ("approved", "active")
    with pytest.raises(BadOption, match="“A star” is approved; nothing is decided"):
        await desk.additions.decide(made.id, BOB, approve=False, allowed=True)
    assert await status(desk) == "active"
    entry = (await desk.workspaces.changes(BOB))[0]
    assert (entry.user, entry.action) == (BOB.user, "lora")
    assert entry.details == {"test:star": ["proposed", "approved"]}


async def keep_file(desk: Desk, adapter_id: str) -> str:
    """Gives an adapter the file that `proposed` uploads; returns its key."""
    key = desk.store.put("adapters", b"a file", ".safetensors")
    async with desk.database.transaction() as connection:
        statement = text("update adapters set blob = :key where id = :id")
        await connection.execute(statement, {"key": key, "id": adapter_id})
    return key


async def test_what_is_rejected_is_gone_with_its_file(
    desk: Desk, catalogue: tuple[str, ...]
) -> None:
    made = await proposed(desk)
    key = await keep_file(desk, "test:star")
    decided = await desk.additions.decide(made.id, BOB, approve=False, allowed=True)
    assert (decided.state, await status(desk)) == ("rejected", "removed")
    assert await desk.additions.proposed(BOB) == []
    with pytest.raises(StorageUnavailable, match="has no"):
        desk.store.read(key)


@pytest.mark.parametrize(("status", "state"), [("removed", "rejected"), ("active", "approved")])
async def test_what_the_operator_does_to_it_decides_it(
    desk: Desk, catalogue: tuple[str, ...], status: str, state: str
) -> None:
    made = await proposed(desk)
    async with open_library(desk.settings, Asker("console", user="root")) as library:
        await library.set_status("test:star", status)
    assert (await desk.additions.load(made.id)).state == state
    assert await desk.additions.proposed(BOB) == []
    told: list[str] = []

    async def tell(addition: Addition, *_: object) -> str:
        told.append(addition.id)
        return "message"

    desk.announcing.register(ADA.platform, tell)
    assert await desk.announcing.tell_waiting(ADA.platform) == 0
    assert told == []


async def test_a_file_that_another_adapter_shares_stays(
    desk: Desk, catalogue: tuple[str, ...]
) -> None:
    made = await proposed(desk)
    await keep_file(desk, "test:star")
    key = await keep_file(desk, "test:heart")
    await desk.additions.decide(made.id, BOB, approve=False, allowed=True)
    assert desk.store.read(key) == b"a file"


async def test_what_is_not_checked_yet_is_not_decided(desk: Desk) -> None:
    made = await desk.additions.propose_file("star", b"a file", STAR, ADA)
    with pytest.raises(BadOption, match="is fetched; nothing is decided"):
        await desk.additions.decide(made.id, BOB, approve=True, allowed=True)
    with pytest.raises(UnknownAddition):
        await desk.additions.load("nobody")


HOSTILE_NAMES = [
    "../../escaped.safetensors",
    "/tmp/escaped.safetensors",
    "C:\\escaped.safetensors",
    "..\\escaped.safetensors",
    "esc\0aped.safetensors",
    "e" * 300 + ".safetensors",
    "Escaped.safetensors",
    "escaped.SAFETENSORS",
]


async def test_no_name_leads_out_of_the_store(desk: Desk, tmp_path: Path) -> None:
    """What people call a file is a text in the database; where it is kept, its content says."""
    (tmp_path / "escaped.safetensors").symlink_to(tmp_path / "nowhere")
    askers = [replace(ADA, user=f"u{number}") for number in range(len(HOSTILE_NAMES))]
    before = {path for path in tmp_path.parent.rglob("*") if path.is_file()}
    for name, asker in zip(HOSTILE_NAMES, askers, strict=True):
        file = await desk.additions.propose_file(name, name.encode(), Described(), asker)
        assert desk.store.read(str(file.upload)) == name.encode()
    new = {path for path in tmp_path.parent.rglob("*") if path.is_file()} - before
    kept = desk.settings.home / "blobs" / "adapters"
    digests = [sha256(name.encode()).hexdigest() for name in HOSTILE_NAMES]
    assert new == {kept / digest[:2] / f"{digest}.safetensors" for digest in digests}
    assert not (tmp_path / "nowhere").exists()
