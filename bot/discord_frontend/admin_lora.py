"""`/stylus-admin lora` and `/stylus lora propose`: people propose LoRAs, admins decide."""

import io
from typing import Literal

import discord
from discord import app_commands

from bot.adapter_card import EXPORTED, disliked_here
from bot.discord_frontend.additions import addition_screen
from bot.discord_frontend.answers import say, show, telling, texts_of
from bot.discord_frontend.errands import begin_errand, details_of
from bot.discord_frontend.escaping import plain
from bot.discord_frontend.people import PLATFORM, asker_of, refuse_readers
from bot.discord_frontend.screens import lines_screen
from bot.texts import said
from engine.desk import UPLOAD_MB, Described, Desk, title_of
from engine.errors import BadOption

Weight = app_commands.Range[float, -2.0, 2.0]
#: Proposed LoRAs that are listed at once, each in a message of its own.
MOST_LISTED = 5
FIELDS = {
    "url": "Where the .safetensors file can be downloaded.",
    "file": "The .safetensors file itself.",
    "title": "What it is called.",
    "description": "What it draws; the better the words, the better prompts find it.",
    "triggers": "Words that switch it on, with commas between them.",
    "weight": "The weight it works best at.",
}


class AdminLoraCommands(app_commands.Group, name="lora"):
    """The library, for those who look after it."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(description="The adapter library of this server.")
        self._desk = desk
        self.add_command(proposing(desk, "add", "Add a LoRA to this server's library.", admin=True))

    @app_commands.command()
    async def proposed(self, interaction: discord.Interaction) -> None:
        """Show the LoRAs that wait for a decision."""
        async with telling(interaction):
            await refuse_readers(self._desk, interaction)
            texts = texts_of(interaction)
            waiting = await self._desk.additions.proposed(asker_of(interaction))
            if not waiting:
                await say(interaction, texts.lora_none_proposed)
            disliked = await disliked_here(self._desk, asker_of(interaction))
            if disliked:
                lines = [plain(line, 300) for line in disliked]
                screen = lines_screen(texts.lora_left_out, lines)
                await show(interaction, screen, private=True)
            for addition in waiting[:MOST_LISTED]:
                adapter = await self._desk.lookup.find(
                    str(addition.adapter_id), asker_of(interaction)
                )
                sample = await self._desk.additions.sample(adapter)
                screen = addition_screen(addition, adapter, sample, texts)
                await show(interaction, screen, private=True)

    @app_commands.command()
    async def export(self, interaction: discord.Interaction) -> None:
        """Give this server's own cards as a file."""
        async with telling(interaction):
            await refuse_readers(self._desk, interaction)
            await interaction.response.defer(ephemeral=True, thinking=True)
            asker = asker_of(interaction)
            count, content = await self._desk.upkeep.export(asker, allowed=True)
            file = discord.File(io.BytesIO(content), EXPORTED)
            words = texts_of(interaction).lora_exported.format(count=count)
            await interaction.followup.send(words, file=file, ephemeral=True)

    @app_commands.command(name="import")
    @app_commands.describe(file="Cards in a JSONL file, gzipped or not, as an export has them.")
    async def import_(self, interaction: discord.Interaction, file: discord.Attachment) -> None:
        """Take a file of cards into this server's library."""
        async with telling(interaction):
            await refuse_readers(self._desk, interaction)
            sent = details_of(file, UPLOAD_MB)
            await begin_errand(self._desk, interaction, "import", sent)

    @app_commands.command()
    @app_commands.describe(id="The adapter's id, as `/stylus lora search` shows it.")
    async def disable(self, interaction: discord.Interaction, id: str) -> None:
        """Stop using an adapter, also for requests that wait."""
        await self._set(interaction, id, "disabled")

    @app_commands.command()
    @app_commands.describe(id="The adapter's id, as the audit log shows it.")
    async def enable(self, interaction: discord.Interaction, id: str) -> None:
        """Use a disabled adapter again."""
        await self._set(interaction, id, "active")

    @app_commands.command()
    @app_commands.describe(id="The adapter's id, as `/stylus lora search` shows it.")
    async def remove(self, interaction: discord.Interaction, id: str) -> None:
        """Take an adapter out of this server's library."""
        await self._set(interaction, id, "removed")

    async def _set(
        self,
        interaction: discord.Interaction,
        adapter_id: str,
        status: Literal["active", "disabled", "removed"],
    ) -> None:
        async with telling(interaction):
            await refuse_readers(self._desk, interaction)
            changed = await self._desk.upkeep.set_status(
                adapter_id.strip(), status, asker_of(interaction), allowed=True
            )
            texts = texts_of(interaction)
            words = texts.lora_status.format(title=changed.title, status=said(status, texts))
            await say(interaction, words)


def proposing(
    desk: Desk, name: str, description: str, *, admin: bool
) -> app_commands.Command[app_commands.Group, ..., None]:
    """Returns the command that proposes a LoRA, for admins or for everybody."""

    @app_commands.describe(**FIELDS)
    async def propose(
        interaction: discord.Interaction,
        url: str | None = None,
        file: discord.Attachment | None = None,
        title: app_commands.Range[str, 1, 100] | None = None,
        description: app_commands.Range[str, 1, 2000] = "",
        triggers: app_commands.Range[str, 1, 500] = "",
        weight: Weight | None = None,
    ) -> None:
        async with telling(interaction):
            if admin:
                await refuse_readers(desk, interaction)
            if (url is None) == (file is None):
                raise BadOption("Give either a URL or a file.")
            words = tuple(word.strip() for word in triggers.split(",") if word.strip())
            if file:
                said_of_it = {"title": title, "description": description, "weight": weight}
                sent = details_of(file, desk.settings.library.download_mb)
                details = {**sent, **said_of_it, "triggers": words}
                await begin_errand(desk, interaction, "propose", details)
                return
            await interaction.response.defer(ephemeral=True, thinking=True)
            described = Described(title, description, words, weight)
            made = await desk.additions.propose_url(str(url), described, asker_of(interaction))
            await desk.announcing.tell_waiting(PLATFORM)
            checking = texts_of(interaction).lora_checking
            await say(interaction, checking.format(title=title_of(made), id=made.id))

    return app_commands.Command(name=name, description=description, callback=propose)
