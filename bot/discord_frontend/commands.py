"""`/stylus prompt`, `translate`, `inpaint`: the commands that make images."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal, cast

import discord
from discord import app_commands

from bot.discord_frontend.answers import open_request
from bot.discord_frontend.lora_commands import offer_adapters
from bot.discord_frontend.people import Entry
from bot.sizes import read_size
from engine.desk import Desk
from engine.errors import BadFile
from engine.values import Ask, Opponent, Overrides, Request

Count = app_commands.Range[int, 1, 8]
Seed = app_commands.Range[int, 0, 2**32 - 1]
Strength = app_commands.Range[float, 0.05, 1.0]
#: What fits a desk's shape, beside the square: width and height as parts of the usual side.
SHAPES = ((1.0, 1.0), (1.0, 1.5), (1.5, 1.0), (2.0, 1.0), (2.0, 2.0))


class AskingCommands(app_commands.Group, name="asking"):
    """Commands that become requests."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    @app_commands.command()
    @app_commands.describe(
        text="What the images should show.",
        images="How many images.",
        size="Width and height in pixels, such as 512x512.",
        seed="The first image's seed; the same seed gives the same images.",
        negative="What the images should not show.",
        adapters="Whether adapters are chosen for you.",
        pin="An adapter for every image, by its id or words of it.",
        drop="An adapter that is never used, by its id or words of it.",
        steps="Denoising steps; more take longer.",
        guidance="How closely the images keep to the text.",
        checkpoint="The checkpoint that renders.",
        quality="A draft is quick and less fine; not every checkpoint can make one.",
        private="Only you see the answer.",
    )
    async def prompt(
        self,
        interaction: discord.Interaction,
        text: str,
        images: Count | None = None,
        size: str | None = None,
        seed: Seed | None = None,
        negative: str | None = None,
        adapters: Literal["auto", "none"] = "auto",
        pin: str | None = None,
        drop: str | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        checkpoint: str | None = None,
        quality: Literal["full", "draft"] = "full",
        private: bool = False,
    ) -> None:
        """Turn a prompt into images, with adapters chosen for it."""

        async def submit(entry: Entry) -> Request:
            width, height = read_size(size)
            ask = replace(
                ask_of(entry, text),
                negative=negative,
                images=images or entry.rules.images,
                seed=seed,
                width=width,
                height=height,
                checkpoint=checkpoint or entry.rules.checkpoint,
                draft=quality == "draft",
                steps=steps,
                guidance=guidance,
                overrides=Overrides(
                    adapters=adapters,
                    pin=(pin.strip(),) if pin else (),
                    drop=(drop.strip(),) if drop else (),
                    unsafe=entry.unsafe,
                ),
            )
            return await self._desk.submit(ask, entry.origin, entry.home)

        await open_request(self._desk, interaction, submit, private=private)

    @prompt.autocomplete("size")
    async def _sizes(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        usual, most = self._desk.settings.sampling, self._desk.settings.limits.side
        shown = (f"{_step(usual.width * w)}x{_step(usual.height * h)}" for w, h in SHAPES)
        fitting = [size for size in shown if max(map(int, size.split("x"))) <= most]
        return choices(size for size in fitting if size.startswith(current))

    @prompt.autocomplete("pin")
    @prompt.autocomplete("drop")
    async def _adapters(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        return await offer_adapters(self._desk, interaction, current)

    @prompt.autocomplete("checkpoint")
    async def _checkpoints(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        known = self._desk.settings.checkpoint_names
        return choices(name for name in known if current.lower() in name.lower())

    @app_commands.command()
    @app_commands.describe(
        text="What the images should show.", against="What the method is held against."
    )
    @app_commands.choices(
        against=[
            app_commands.Choice(name="the base, without adapters", value="base"),
            app_commands.Choice(name="all adapters of each idea at once", value="all"),
            app_commands.Choice(name="the same adapters at half weight", value="half"),
        ]
    )
    async def duel(
        self,
        interaction: discord.Interaction,
        text: str,
        against: app_commands.Choice[str] | None = None,
    ) -> None:
        """Two images, with adapters and without: everybody votes for the better one."""

        async def submit(entry: Entry) -> Request:
            opponent = cast(Opponent, against.value if against else "base")
            ask = ask_of(entry, text)
            ask = replace(ask, overrides=replace(ask.overrides, against=opponent))
            return await self._desk.duel(ask, entry.origin, entry.home)

        await open_request(self._desk, interaction, submit)

    @app_commands.command()
    @app_commands.describe(
        image="The picture to start from.",
        text="What the images should show.",
        strength="How far they may go from the picture: little 0.3, far 0.9.",
        images="How many images.",
        private="Only you see the answer.",
    )
    async def translate(
        self,
        interaction: discord.Interaction,
        image: discord.Attachment,
        text: str,
        strength: Strength | None = None,
        images: Count | None = None,
        private: bool = False,
    ) -> None:
        """Turn a picture and a prompt into images."""

        async def submit(entry: Entry) -> Request:
            content = await self._read(image)
            ask = replace(ask_of(entry, text), images=images or entry.rules.images)
            return await self._desk.translate(content, ask, strength, entry.origin, entry.home)

        await open_request(self._desk, interaction, submit, private=private, slow=True)

    @app_commands.command()
    @app_commands.describe(
        image="The picture; without a mask, its transparent part is painted anew.",
        text="What should be there.",
        mask="A picture of the same size: white is painted anew.",
        strength="How far it may go from what was there.",
        images="How many images.",
        private="Only you see the answer.",
    )
    async def inpaint(
        self,
        interaction: discord.Interaction,
        image: discord.Attachment,
        text: str,
        mask: discord.Attachment | None = None,
        strength: Strength | None = None,
        images: Count | None = None,
        private: bool = False,
    ) -> None:
        """Paint a part of a picture anew; the rest stays exactly as it is."""

        async def submit(entry: Entry) -> Request:
            content = await self._read(image)
            painted = await self._read(mask) if mask else None
            ask = replace(ask_of(entry, text), images=images or entry.rules.images)
            return await self._desk.inpaint(
                content, painted, ask, strength, entry.origin, entry.home
            )

        await open_request(self._desk, interaction, submit, private=private, slow=True)

    async def _read(self, file: discord.Attachment) -> bytes:
        most = self._desk.settings.limits.picture_megabytes
        if file.size > most * 2**20:
            raise BadFile(f"“{file.filename[:60]}” has more than {most} MB; send a smaller one.")
        try:
            return await file.read()
        except discord.HTTPException as error:
            raise BadFile(
                f"“{file.filename[:60]}” cannot be read from Discord; send it again."
            ) from error


def ask_of(entry: Entry, text: str) -> Ask:
    """Returns the plainest ask of somebody, within the rules of the place."""
    return Ask(
        asker=entry.asker,
        prompt=text,
        images=entry.rules.images,
        checkpoint=entry.rules.checkpoint,
        overrides=Overrides(unsafe=entry.unsafe),
    )


def choices(values: Iterable[str]) -> list[app_commands.Choice[str]]:
    """Returns what an option offers; Discord takes 25."""
    return [app_commands.Choice(name=value, value=value) for value in list(values)[:25]]


def _step(side: float) -> int:
    return round(side / 64) * 64
