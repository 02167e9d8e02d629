"""What admins do with an adapter by the buttons under its card, on any platform."""

from typing import Literal

from bot.actions import Action, Button, Click
from bot.adapter_form import PARTS
from bot.texts import Texts, said
from engine.desk import Desk
from engine.values import Adapter, Asker

#: What a button makes of an adapter.
STATUSES: dict[Action, Literal["active", "disabled", "removed"]] = {
    Action.ENABLE: "active",
    Action.DISABLE: "disabled",
    Action.REMOVE: "removed",
}


def buttons_of(adapter: Adapter, asker: Asker, texts: Texts, *, admin: bool) -> list[Button]:
    """Returns the buttons under an adapter's card: none for those who may change nothing."""
    if not admin:
        return []
    newer = Button(Click(Action.NEWER, adapter.handle), texts.lora_check_newer)
    if not adapter.workspace or adapter.workspace != asker.workspace:
        return [newer]
    if adapter.status == "proposed":
        return edit_buttons(adapter, texts)
    switch = (
        Button(Click(Action.ENABLE, adapter.handle), texts.lora_enable)
        if adapter.status == "disabled"
        else Button(Click(Action.DISABLE, adapter.handle), texts.lora_disable)
    )
    return [
        *edit_buttons(adapter, texts),
        Button(Click(Action.REFINE, adapter.handle), texts.lora_refine),
        newer,
        switch,
        Button(Click(Action.REMOVE, adapter.handle), texts.lora_remove, danger=True),
    ]


def edit_buttons(adapter: Adapter, texts: Texts) -> list[Button]:
    """Returns the buttons that open the forms."""
    labels = (texts.lora_edit, texts.lora_edit_use)
    return [
        Button(Click(Action.EDIT, adapter.handle, number), label)
        for number, label in zip(range(len(PARTS)), labels, strict=True)
    ]


async def act(desk: Desk, click: Click, asker: Asker, texts: Texts, *, admin: bool) -> str:
    """Does what a button says and returns what the person is told. Raises `StylusError`."""
    adapter = await desk.lookup.find_by_handle(click.request_id, asker)
    if click.action is Action.REFINE:
        await desk.upkeep.refine(adapter.id, asker, allowed=admin)
        return texts.lora_refining.format(title=adapter.title)
    if click.action is Action.NEWER:
        newer = await desk.upkeep.newer(adapter.id, asker, allowed=admin)
        if newer is None:
            return texts.lora_is_newest.format(title=adapter.title)
        return texts.lora_newer.format(title=adapter.title, name=newer.name, link=newer.link)
    status = STATUSES[click.action]
    await desk.upkeep.set_status(adapter.id, status, asker, allowed=admin)
    return texts.lora_status.format(title=adapter.title, status=said(status, texts))
