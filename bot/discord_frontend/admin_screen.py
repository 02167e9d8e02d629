"""The screen of a server's settings: what is chosen now, and the selects to change it."""

from collections.abc import Sequence

import discord
from discord import ui

from bot.actions import Action, Click
from bot.discord_frontend.screens import WORKING, Screen
from bot.lines import cut
from bot.texts import Texts
from engine.values import Rules

#: Images that one may choose from, and channels and roles that may be listed.
MOST_IMAGES, MOST_CHANNELS, MOST_ROLES = 8, 25, 10

Row = ui.ActionRow[ui.LayoutView]


def field_id(name: str) -> str:
    """Returns what the part of the screen that changes a rule carries."""
    return Click(Action.ADMIN, name).custom_id


def settings_screen(
    rules: Rules, checkpoints: Sequence[str], last_change: str, texts: Texts
) -> Screen:
    """Returns the rules in words and the selects; `last_change` is the audit log's newest line."""
    lines = [*describe(rules, texts), f"-# {last_change}"]
    container = ui.Container[ui.LayoutView](
        ui.TextDisplay("\n".join([f"### {texts.settings_title}", *lines])),
        _plain_select("checkpoint", texts.set_checkpoint, checkpoints, rules.checkpoint),
        _plain_select("images", texts.set_images, _counts(), str(rules.images or "")),
        _channels("channels", texts.set_channels, rules.channels, MOST_CHANNELS),
        _channels("gallery", texts.set_gallery, [rules.gallery] if rules.gallery else [], 1),
        _roles("moderators", texts.set_moderators, [rules.moderators] if rules.moderators else []),
        _roles("librarians", texts.set_librarians, rules.librarians, MOST_ROLES),
        _roles("quota", texts.set_quota, []),
        accent_colour=WORKING,
    )
    return Screen((container, _buttons(rules, texts)))


def describe(rules: Rules, texts: Texts) -> list[str]:
    """Returns one line a rule. Channels and roles are named by their ids; nobody is pinged."""
    quotas = [_of_role(role, rules, texts) for role in sorted({*rules.quotas, *rules.lanes})]
    quotas.append(f"{texts.others} {texts.no_limit if rules.daily is None else rules.daily}")
    channels = ", ".join(f"<#{one}>" for one in rules.channels)
    return [
        f"**{texts.checkpoint}** {rules.checkpoint or texts.as_installed} · "
        f"**{texts.images}** {rules.images or texts.as_installed}",
        f"**{texts.channels}** {channels or texts.all_of_them}",
        f"**{texts.gallery}** {f'<#{rules.gallery}>' if rules.gallery else texts.none}",
        f"**{texts.moderators}** {f'<@&{rules.moderators}>' if rules.moderators else texts.none}",
        f"**{texts.librarians}** {', '.join(f'<@&{r}>' for r in rules.librarians) or texts.none}",
        f"**{texts.quotas}** {' · '.join(quotas)}",
    ]


def _of_role(role: str, rules: Rules, texts: Texts) -> str:
    count = rules.quotas.get(role, rules.daily)
    lane = f" ({texts.lane.format(rounds=rules.lanes[role])})" if role in rules.lanes else ""
    return f"<@&{role}> {texts.no_limit if count is None else count}{lane}"


def _counts() -> list[str]:
    return [str(count) for count in range(1, MOST_IMAGES + 1)]


def _plain_select(name: str, hint: str, values: Sequence[str], chosen: str | None) -> Row:
    options = [
        discord.SelectOption(
            label=cut(f"{hint} {value}", 100), value=value, default=value == chosen
        )
        for value in values
    ]
    select = ui.Select[ui.LayoutView](
        custom_id=field_id(name), placeholder=hint, min_values=0, options=options
    )
    return ui.ActionRow(select)


def _channels(name: str, hint: str, chosen: Sequence[str], most: int) -> Row:
    select = ui.ChannelSelect[ui.LayoutView](
        custom_id=field_id(name),
        placeholder=hint,
        min_values=0,
        max_values=most,
        channel_types=[
            discord.ChannelType.text,
            discord.ChannelType.news,
            discord.ChannelType.forum,
        ],
        default_values=[
            discord.SelectDefaultValue(id=int(one), type=discord.SelectDefaultValueType.channel)
            for one in chosen
        ],
    )
    return ui.ActionRow(select)


def _roles(name: str, hint: str, chosen: Sequence[str], most: int = 1) -> Row:
    select = ui.RoleSelect[ui.LayoutView](
        custom_id=field_id(name),
        placeholder=hint,
        min_values=0,
        max_values=most,
        default_values=[
            discord.SelectDefaultValue(id=int(one), type=discord.SelectDefaultValueType.role)
            for one in chosen
        ],
    )
    return ui.ActionRow(select)


def _buttons(rules: Rules, texts: Texts) -> Row:
    on, off = discord.ButtonStyle.success, discord.ButtonStyle.secondary
    return ui.ActionRow(
        ui.Button(label=texts.set_daily, custom_id=field_id("daily"), style=off),
        ui.Button(
            label=f"{texts.unsafe}: {texts.on if rules.unsafe else texts.off}",
            custom_id=field_id("unsafe"),
            style=on if rules.unsafe else off,
        ),
        ui.Button(
            label=f"{texts.mentions}: {texts.on if rules.mentions else texts.off}",
            custom_id=field_id("mentions"),
            style=on if rules.mentions else off,
        ),
    )
