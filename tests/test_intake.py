"""Requests that start from a picture: stored with it, inherited, repeated, or refused."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from engine.desk import Desk
from engine.errors import BadFile, BadInput, BadOption, BadPrompt, StorageUnavailable
from engine.png import Recipe
from engine.requests import ledger
from engine.values import Request, Source
from tests.samples import ADA, SAMPLING, SHA, ask, rendering
from tests.stages import COMPOSING, RENDERING, claim, store_plan
from tests.test_pictures import file, mask, picture

PICTURE = file(picture(300, 200))
MASK = file(mask(300, 200))


async def count(desk: Desk) -> int:
    async with desk.database.transaction() as connection:
        return int(await connection.scalar(text("select count(*) from requests")) or 0)


async def test_a_translation_is_stored_with_its_picture(desk: Desk) -> None:
    made = await desk.translate(PICTURE, ask("a fox", images=3, seed=5), 0.4)
    assert (await desk.answer(made.id)).request == made
    assert (made.kind, made.prompt, made.image_count, made.seed) == ("translate", "a fox", 3, 5)
    assert (made.sampling.width, made.sampling.height) == (128, 128)
    assert made.source
    assert (made.source.strength, made.source.mask) == (0.4, None)
    assert desk.store.read(made.source.image).startswith(b"\x89PNG")
    async with desk.database.transaction() as connection:
        job = (await connection.execute(text("select * from procrastinate_jobs"))).one()
    assert (job.task_name, job.args) == ("compose", {"request_id": made.id})


async def test_an_inpainting_is_stored_with_its_mask(desk: Desk) -> None:
    made = await desk.inpaint(PICTURE, MASK, ask("a fox"))
    assert made.kind == "inpaint"
    assert made.source
    assert made.source.strength == 1.0
    assert made.source.mask
    assert desk.store.read(made.source.mask) != desk.store.read(made.source.image)


async def test_an_event_that_comes_twice_gives_one_request(desk: Desk) -> None:
    first = await desk.translate(PICTURE, ask(), origin="event")
    assert await desk.translate(PICTURE, ask(), origin="event") == first
    assert await count(desk) == 1


@pytest.mark.parametrize("strength", [0.0, -1.0, 1.01, float("nan")])
async def test_a_strength_that_means_nothing(desk: Desk, strength: float) -> None:
    with pytest.raises(BadOption, match=r"strength is .*; it may be 0.05 to 1"):
        await desk.translate(PICTURE, ask(), strength)
    assert await count(desk) == 0


@pytest.mark.parametrize(
    ("image", "wish", "error"),
    [(b"?", ask(), BadFile), (PICTURE, ask(""), BadPrompt), (PICTURE, ask(width=100), BadOption)],
)
async def test_nothing_is_left_of_what_is_refused(
    desk: Desk, image: bytes, wish: Any, error: type[BadInput]
) -> None:
    with pytest.raises(error):
        await desk.translate(image, wish)
    assert await count(desk) == 0
    assert not (desk.settings.home / "blobs" / "sources").exists()


async def rendered(desk: Desk) -> Request:
    """A translation that has its two images in the store."""
    made = await desk.translate(PICTURE, ask(images=2, seed=7))
    blob = desk.store.put("images", file(picture(128, 128)), ".png")
    async with desk.database.transaction() as connection:
        assert await store_plan(connection, await claim(connection, COMPOSING, made.id))
        claimed = await claim(connection, RENDERING, made.id)
        images = [replace(rendering(index), blob=blob) for index in (0, 1)]
        assert await ledger.store_renderings(
            connection, claimed, images, load_seconds=0.1, render_seconds=0.1
        )
    return made


async def test_what_descends_from_a_picture_starts_from_it(desk: Desk) -> None:
    parent = await rendered(desk)
    assert (await desk.retry(parent.id, ADA)).source == parent.source
    assert (await desk.reroll(parent.id, ADA)).source == parent.source
    assert (await desk.vary(parent.id, 1, ADA)).source == parent.source


async def test_an_image_becomes_larger_with_its_seed_and_itself_as_picture(desk: Desk) -> None:
    parent = await rendered(desk)
    made = await desk.upscale(parent.id, 1, ADA, factor=3)
    assert (made.kind, made.parent_id, made.parent_index) == ("upscale", parent.id, 1)
    assert (made.sampling.width, made.sampling.height) == (384, 384)
    assert (made.image_count, made.seed) == (1, 8)
    assert made.source
    assert made.source != parent.source
    assert desk.store.read(made.source.image) == file(picture(128, 128))
    assert (await desk.answer(made.id)).request == made


@pytest.mark.parametrize(
    ("index", "factor", "words"),
    [(2, 2, "images 0 to 1, not 2"), (0, 1, "factor is 1"), (0, 5, "factor is 5")],
)
async def test_what_cannot_be_enlarged(desk: Desk, index: int, factor: int, words: str) -> None:
    parent = await rendered(desk)
    with pytest.raises(BadOption, match=words):
        await desk.upscale(parent.id, index, ADA, factor)


async def test_an_image_that_came_out_broken_cannot_be_enlarged(desk: Desk) -> None:
    parent = await rendered(desk)
    async with desk.database.transaction() as connection:
        await connection.execute(text("delete from renderings where index = 0"))
    with pytest.raises(BadOption, match=f"Image 0 of request {parent.id} came out broken"):
        await desk.upscale(parent.id, 0, ADA)
    assert (await desk.upscale(parent.id, 1, ADA)).seed == 8


async def test_an_image_that_would_be_too_large(desk: Desk) -> None:
    parent = await rendered(desk)
    small = replace(desk, settings=desk.settings.model_copy(update={"limits": _sides(desk, 320)}))
    with pytest.raises(BadOption, match="would have 384x384 pixels; sides may have up to 320"):
        await small.upscale(parent.id, 0, ADA, 3)


def _sides(desk: Desk, most: int) -> Any:
    return desk.settings.limits.model_copy(update={"side": most})


async def test_a_recipe_with_a_picture_is_repeated_from_it(desk: Desk) -> None:
    made = await desk.inpaint(PICTURE, MASK, ask("a fox"), 0.7)
    recipe = Recipe("r0", "a fox", "", 11, made.sampling, (), made.source)
    again = await desk.repeat(recipe, ADA)
    assert (again.kind, again.source, again.seed) == ("inpaint", made.source, 11)
    gone = Source(f"sources/ab/{SHA}.png", 0.7)
    with pytest.raises(StorageUnavailable, match="has no sources/ab"):
        await desk.repeat(replace(recipe, source=gone, sampling=SAMPLING), ADA)
