"""A page of the library in words, on any platform: its lines, its filters and its buttons."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.actions import Action, Button, Click
from bot.lines import cut
from bot.texts import Texts, said
from engine.desk import Desk, Page
from engine.values import Adapter, Asker

#: Characters of an option's label.
LABEL = 75


@dataclass(frozen=True, slots=True)
class Option:
    """What can be chosen in a select."""

    value: str
    label: str
    chosen: bool = False


async def turn(
    desk: Desk, click: Click, chosen: Sequence[str], asker: Asker, *, admin: bool
) -> Page:
    """Returns the page that a click asks for: another one, or the first with other filters.

    Raises `BadOption` for a list that is gone.
    """
    if click.action is Action.FILTER:
        listing = await desk.listings.choose(click.request_id, chosen, asker)
        return await desk.lookup.page(listing, 0, asker, admin=admin)
    listing = await desk.listings.load(click.request_id, asker)
    return await desk.lookup.page(listing, click.index or 0, asker, admin=admin)


def title_of(page: Page, texts: Texts) -> str:
    """Returns what the page is of, with its number."""
    words = page.listing.words
    what = texts.lora_found.format(text=cut(words, 60)) if words else texts.lora_list
    return f"{what} · {page.number + 1}"


def about(adapter: Adapter, texts: Texts) -> str:
    """Returns an adapter's facts in a line's space."""
    marks = [f"{adapter.weight:g}", adapter.base]
    marks += [said(adapter.status, texts)] if adapter.status != "active" else []
    marks += [said(adapter.rating, texts)] if adapter.rating != "safe" else []
    return " · ".join(marks)


def filter_options(page: Page, texts: Texts) -> list[Option]:
    """Returns the filters, those marked that hold."""
    names = {
        "base": texts.base,
        "kind": texts.lora_kind,
        "status": texts.lora_status_filter,
        "rating": texts.lora_rating,
    }
    kinds = {"other": texts.lora_kind_other, "character": texts.lora_kind_character}
    kinds |= {"person": texts.lora_kind_person}
    options = []
    for value in page.options:
        name, _, told = value.partition("=")
        words = kinds[told] if name == "kind" else said(told, texts)
        label = cut(f"{names[name]}: {words}", LABEL)
        options.append(Option(value[:100], label, value in page.listing.chosen))
    return options


def adapter_options(page: Page) -> list[Option]:
    """Returns the page's adapters, to choose one whose card is shown."""
    return [
        Option(one.handle, cut(f"{cut(one.title, 40)} · {one.id}", LABEL)) for one in page.adapters
    ]


def turning_buttons(page: Page, texts: Texts) -> list[Button]:
    """Returns the buttons to the pages before and after."""
    buttons = []
    if page.number:
        before = Click(Action.PAGE, page.listing.id, page.number - 1)
        buttons.append(Button(before, texts.page_before))
    if page.more:
        after = Click(Action.PAGE, page.listing.id, page.number + 1)
        buttons.append(Button(after, texts.page_after))
    return buttons
