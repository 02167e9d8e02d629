"""`stylus prompt`, `reroll`, `vary`, `translate`, `inpaint`, `upscale`, `show`: the whole path."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bot.command_line.common import (
    Json,
    answer_console,
    console_asker,
    news_console,
    print_document,
    run,
    settings_for_command,
)
from bot.console.documents import answer_document
from bot.console.session import Terminal, answer_request
from bot.console.show import print_answer
from bot.sizes import read_size
from engine.desk import Desk, open_desk
from engine.errors import BadFile, BadOption
from engine.png import read_recipe
from engine.values import Ask, ComposerName, Overrides, Request

Out = Annotated[Path, typer.Option("--out", help="Folder for the PNG files.")]
OUT = Path("stylus-out")
Strength = Annotated[float | None, typer.Option(help="How much of it changes, up to 1.")]
Images = Annotated[int | None, typer.Option(help="How many images.")]
Seed = Annotated[int | None, typer.Option(help="The first image's seed.")]
Steps = Annotated[int | None, typer.Option(help="Denoising steps.")]


class AdapterChoice(StrEnum):
    """Whether the composer chooses adapters."""

    AUTO = "auto"
    NONE = "none"


class ComposerChoice(StrEnum):
    """Who splits the prompt into tasks."""

    LOCAL = "local"
    LLM = "llm"


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    for command in (prompt, reroll, vary, translate, inpaint, upscale, show):
        app.command()(command)


def prompt(
    text: Annotated[str | None, typer.Argument(help="What the images should show.")] = None,
    images: Images = None,
    seed: Seed = None,
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT in pixels.")] = None,
    negative: Annotated[str | None, typer.Option(help="What they should not show.")] = None,
    steps: Steps = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="A diffusers scheduler.")] = None,
    checkpoint: Annotated[str | None, typer.Option(help="A configured checkpoint.")] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Quick, in few steps.")] = False,
    adapters: Annotated[AdapterChoice, typer.Option(help="Choose adapters.")] = AdapterChoice.AUTO,
    pin: Annotated[list[str] | None, typer.Option(help="Adapter id to use anyway.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Adapter id never to use.")] = None,
    weight: Annotated[list[str] | None, typer.Option(help="ID=WEIGHT for an adapter.")] = None,
    composer: Annotated[ComposerChoice | None, typer.Option(help="Who composes.")] = None,
    from_image: Annotated[Path | None, typer.Option(help="A PNG of ours: render it again.")] = None,
    out: Out = OUT,
    as_json: Json = False,
) -> None:
    """Turn a prompt into images, with adapters chosen for it."""
    if (text is None) == (from_image is None):
        raise BadOption("Give either a prompt or --from-image FILE.")
    if from_image is not None:
        recipe = read_recipe(from_image)
        make_answer(lambda desk: desk.repeat(recipe, console_asker()), out, as_json)
        return
    width, height = read_size(size)
    ask = Ask(
        asker=console_asker(),
        prompt=text or "",
        negative=negative,
        images=images,
        seed=seed,
        width=width,
        height=height,
        checkpoint=checkpoint,
        scheduler=scheduler,
        steps=steps,
        guidance=guidance,
        draft=draft,
        overrides=Overrides(
            adapters="none" if adapters is AdapterChoice.NONE else "auto",
            pin=tuple(pin or ()),
            drop=tuple(drop or ()),
            weights=dict(map(_weight, weight or ())),
            composer=composer_name(composer),
        ),
    )
    make_answer(lambda desk: desk.submit(ask), out, as_json)


def reroll(request_id: str, out: Out = OUT, as_json: Json = False) -> None:
    """Answer a request again: same tasks, masks not used before, new seeds."""
    make_answer(lambda desk: desk.reroll(request_id, console_asker()), out, as_json)


def vary(
    request_id: str,
    index: Annotated[int, typer.Argument(help="The image, counted from 0.")],
    out: Out = OUT,
    as_json: Json = False,
) -> None:
    """Make more images like one of a request: same adapters, new seeds."""
    make_answer(lambda desk: desk.vary(request_id, index, console_asker()), out, as_json)


def translate(
    image: Annotated[Path, typer.Argument(help="A picture to start from.")],
    text: Annotated[str, typer.Argument(help="What it should become.")],
    strength: Strength = None,
    images: Images = None,
    seed: Seed = None,
    steps: Steps = None,
    out: Out = OUT,
    as_json: Json = False,
) -> None:
    """Turn a picture into what the prompt says, keeping its shape."""
    picture, ask = _read(image), _ask(text, images, seed, steps)
    make_answer(lambda desk: desk.translate(picture, ask, strength), out, as_json)


def inpaint(
    image: Annotated[Path, typer.Argument(help="A picture to change.")],
    mask: Annotated[Path, typer.Argument(help="One of the same size, white where to change it.")],
    text: Annotated[str, typer.Argument(help="What it should show there.")],
    strength: Strength = None,
    images: Images = None,
    seed: Seed = None,
    steps: Steps = None,
    out: Out = OUT,
    as_json: Json = False,
) -> None:
    """Paint a part of a picture anew and leave the rest exactly as it is."""
    picture, painted, ask = _read(image), _read(mask), _ask(text, images, seed, steps)
    make_answer(lambda desk: desk.inpaint(picture, painted, ask, strength), out, as_json)


def upscale(
    request_id: str,
    index: Annotated[int, typer.Argument(help="The image, counted from 0.")],
    factor: Annotated[int, typer.Option(help="How many times larger, 2 to 4.")] = 2,
    strength: Strength = None,
    out: Out = OUT,
    as_json: Json = False,
) -> None:
    """Make one image of a request larger, with details of that size."""
    asker = console_asker()
    make_answer(lambda desk: desk.upscale(request_id, index, asker, factor, strength), out, as_json)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadFile(f"{path} cannot be read ({error.strerror}); give a picture.") from error


def _ask(text: str, images: int | None, seed: int | None, steps: int | None) -> Ask:
    return Ask(asker=console_asker(), prompt=text, images=images, seed=seed, steps=steps)


def show(request_id: str, as_json: Json = False) -> None:
    """Show everything known of a request."""

    async def command() -> None:
        async with open_desk(settings_for_command()) as desk:
            answer = await desk.answer(request_id)
        if as_json:
            print_document(answer_document(answer, {}))
        else:
            print_answer(answer_console(), answer)

    run(command())


def make_answer(submit: Callable[[Desk], Awaitable[Request]], out: Path, as_json: bool) -> None:
    """Submits, waits, writes the files and prints."""

    async def command() -> None:
        async with open_desk(settings_for_command()) as desk:
            terminal = Terminal(answer_console(), news_console(), out, as_json)
            document = await answer_request(desk, terminal, lambda: submit(desk))
        if as_json:
            print_document(document)

    run(command())


def composer_name(choice: ComposerChoice | None) -> ComposerName | None:
    """Returns the engine's name of a choice."""
    return None if choice is None else "llm" if choice is ComposerChoice.LLM else "local"


def _weight(text: str) -> tuple[str, float]:
    adapter_id, _, number = text.rpartition("=")
    try:
        return adapter_id, float(number)
    except ValueError:
        raise BadOption(f"--weight is “{text[:60]}”; write it as ID=0.8.") from None
