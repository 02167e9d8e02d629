"""What is known and thought of an adapter, with what the person may do with it."""

import discord
from discord import ui

from bot.actions import Button
from bot.adapter_actions import buttons_of
from bot.adapter_card import opinion_of, uses_of
from bot.breakdown import safe_link
from bot.discord_frontend.additions import fact_lines, gallery_of
from bot.discord_frontend.answers import texts_of
from bot.discord_frontend.escaping import plain
from bot.discord_frontend.people import asker_of, keeps_library
from bot.discord_frontend.screens import WORKING, Screen, button_rows
from bot.pictures import Picture
from bot.texts import Texts, said
from engine.desk import Desk
from engine.values import Adapter


async def info_of(desk: Desk, interaction: discord.Interaction, adapter: Adapter) -> Screen:
    """Returns what is known of an adapter, with what the person may do with it."""
    asker, texts = asker_of(interaction), texts_of(interaction)
    preview = await desk.lookup.preview(adapter.id, asker)
    told = [
        opinion_of(await desk.opinions.of(adapter.id, asker), texts),
        f"-# {uses_of(await desk.lookup.uses(adapter.id, asker), texts)}",
    ]
    buttons = buttons_of(adapter, asker, texts, admin=await keeps_library(desk, interaction))
    return info_screen(adapter, told, preview, buttons, texts)


def info_screen(
    adapter: Adapter, told: list[str], preview: bytes | None, buttons: list[Button], texts: Texts
) -> Screen:
    """Returns what is known and thought of an adapter, with an image that was made with it."""
    lines = [
        f"### {plain(adapter.title, 200)}",
        plain(adapter.description, 1200),
        *fact_lines(adapter, texts),
        *told,
        safe_link(adapter.link) or "",
        f"-# {said(adapter.status, texts)} · `{adapter.id}`",
    ]
    container = ui.Container[ui.LayoutView](
        ui.TextDisplay("\n".join(line for line in lines if line)), accent_colour=WORKING
    )
    rows = button_rows([buttons] if buttons else [])
    if preview is None:
        return Screen((container, *rows))
    picture = Picture("preview.png", preview, texts.preview_of.format(title=adapter.title))
    container.add_item(gallery_of(picture))
    return Screen((container, *rows), (picture,))
