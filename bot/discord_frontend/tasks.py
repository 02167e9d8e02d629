"""The screen of tasks: selects for ideas, adapters, pins and weights, and “Render again”.

What was chosen so far stands in the message itself, as the options that are marked; so a click
needs nothing but the message that it comes with.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import discord
from discord import ui

from bot.actions import Action, Click
from bot.choices import Choices, adapters_of, as_composed, weight_of
from bot.discord_frontend.screens import WORKING, Screen
from bot.lines import cut
from bot.texts import Texts
from engine.values import Composition

#: Options of one select, and characters of an option.
OPTIONS = 25
LABEL = 100


@dataclass(frozen=True, slots=True)
class _Option:
    value: int
    label: str
    about: str
    chosen: bool


def tasks_screen(
    request_id: str, composition: Composition, choices: Choices, texts: Texts
) -> Screen:
    """Returns the selects with the choices marked in them."""
    adapters = _adapter_options(composition, choices)
    pins = [_Option(o.value, o.label, o.about, o.value in choices.pinned) for o in adapters]
    weights = [_Option(o.value, o.label, o.about, False) for o in adapters]
    container = ui.Container[ui.LayoutView](
        ui.TextDisplay(f"### {texts.tasks_title}\n-# {texts.tasks_help}"),
        _select(Action.IDEAS, request_id, texts.ideas_on, _idea_options(composition, choices)),
        _select(Action.ADAPTERS, request_id, texts.adapters_on, adapters),
        _select(Action.PINS, request_id, texts.pinned, pins),
        _select(Action.WEIGHTS, request_id, texts.change_weight, weights, one=True),
        accent_colour=WORKING,
    )
    again = ui.Button[ui.LayoutView](
        label=texts.render_again,
        custom_id=Click(Action.RENDER, request_id).custom_id,
        style=discord.ButtonStyle.primary,
    )
    return Screen((container, ui.ActionRow[ui.LayoutView](again)))


def _idea_options(composition: Composition, choices: Choices) -> list[_Option]:
    return [
        _Option(n, task.keyword, ", ".join(p.title for p in task.picks), bool(on & choices.on))
        for n, task in enumerate(composition.tasks)
        if (on := adapters_of(composition, n))
    ]


def _adapter_options(composition: Composition, choices: Choices) -> list[_Option]:
    owners = [task.keyword for task in composition.tasks for _ in task.picks]
    return [
        _Option(
            n,
            pick.title,
            f"{choices.weights.get(n, weight_of(pick)):g} · {owners[n]}",
            n in choices.on,
        )
        for n, pick in enumerate(composition.picks)
    ]


def _select(
    action: Action, request_id: str, hint: str, options: Sequence[_Option], *, one: bool = False
) -> ui.ActionRow[ui.LayoutView]:
    shown = options[:OPTIONS]
    select = ui.Select[ui.LayoutView](
        custom_id=Click(action, request_id).custom_id,
        placeholder=cut(hint, 150),
        min_values=1 if one else 0,
        max_values=1 if one else len(shown),
        options=[
            discord.SelectOption(
                label=cut(option.label, LABEL),
                value=str(option.value),
                description=cut(option.about, LABEL),
                default=option.chosen,
            )
            for option in shown
        ],
    )
    return ui.ActionRow(select)


def read_choices(message: discord.Message, composition: Composition) -> Choices:
    """Returns the choices that are marked in a message of `tasks_screen`."""
    selects = {_action(select): select for select in _selects(message.components)}
    if Action.ADAPTERS not in selects:
        return as_composed(composition)
    weights = {
        int(option.value): float(found[0])
        for option in selects[Action.WEIGHTS].options
        if (found := re.match(r"-?[\d.]+", option.description or ""))
    }
    known = range(len(composition.picks))
    return Choices(
        on=_marked(selects[Action.ADAPTERS]) & set(known),
        pinned=_marked(selects[Action.PINS]) & set(known),
        weights={n: weight for n, weight in weights.items() if n in known},
    )


def _selects(components: Sequence[Any]) -> list[discord.SelectMenu]:
    found: list[discord.SelectMenu] = []
    for component in components:
        if isinstance(component, discord.SelectMenu):
            found.append(component)
        found += _selects(getattr(component, "children", []))
    return found


def _action(select: discord.SelectMenu) -> str:
    return (select.custom_id or "").split(":")[1]


def _marked(select: discord.SelectMenu) -> frozenset[int]:
    return frozenset(int(option.value) for option in select.options if option.default)


def weight_form(request_id: str, adapter: int, title: str, texts: Texts) -> ui.Modal:
    """Returns the form that asks for a weight."""
    click = Click(Action.WEIGH, request_id, adapter)
    return number_form(click, title, number=texts.weight_field)


def number_form(click: Click, title: str, **fields: str) -> ui.Modal:
    """Returns a form with a field for each number, which may be left empty; fields go by name.

    Stopped: its answer is understood by the id that it carries.
    """
    form = ui.Modal(title=cut(title, 45), custom_id=click.custom_id)
    for name, label in fields.items():
        box = ui.TextInput[ui.Modal](custom_id=name, max_length=8, required=False)
        form.add_item(ui.Label(text=cut(label, 45), component=box))
    form.stop()
    return form


def read_form(data: dict[str, Any]) -> dict[str, str]:
    """Returns what was written into each field of the form."""
    written = {}
    waiting = list(data.get("components", []))
    while waiting:
        part = waiting.pop()
        if "value" in part:
            written[str(part.get("custom_id"))] = str(part["value"])
        waiting += [*part.get("components", []), *filter(None, [part.get("component")])]
    return written
