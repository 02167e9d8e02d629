"""`/stylus ...`: the slash commands."""

from typing import Literal

import discord
from discord import app_commands

from bot.discord_frontend.answers import open_request
from bot.sizes import read_size
from engine.desk import Desk
from engine.values import Ask, Asker, Home, Overrides, Request


class StylusCommands(app_commands.Group):
    """The group of all commands that everybody may use."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(
            name="stylus",
            description="A prompt becomes images; the LoRA adapters are chosen by themselves.",
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=True
            ),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
        )
        self._desk = desk

    @app_commands.command()
    @app_commands.describe(
        text="What the images should show.",
        images="How many images.",
        size="Width and height in pixels, such as 512x512.",
        seed="The first image's seed; the same seed gives the same images.",
        negative="What the images should not show.",
        adapters="Whether adapters are chosen for you.",
        checkpoint="The checkpoint that renders.",
        private="Only you see the answer.",
    )
    async def prompt(
        self,
        interaction: discord.Interaction,
        text: str,
        images: app_commands.Range[int, 1, 8] | None = None,
        size: str | None = None,
        seed: app_commands.Range[int, 0, 2**32 - 1] | None = None,
        negative: str | None = None,
        adapters: Literal["auto", "none"] = "auto",
        checkpoint: str | None = None,
        private: bool = False,
    ) -> None:
        """Turn a prompt into images, with adapters chosen for it."""

        async def submit(asker: Asker, origin: str, home: Home) -> Request:
            width, height = read_size(size)
            ask = Ask(
                asker=asker,
                prompt=text,
                negative=negative,
                images=images,
                seed=seed,
                width=width,
                height=height,
                checkpoint=checkpoint,
                overrides=Overrides(adapters=adapters),
            )
            return await self._desk.submit(ask, origin, home)

        await open_request(self._desk, interaction, submit, private=private)
