"""A page of the library, with selects for filters and for one adapter, and buttons to turn it."""

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    HeaderBlock,
    Option,
    SectionBlock,
    StaticMultiSelectElement,
    StaticSelectElement,
)

from bot.actions import Action, Click
from bot.lines import cut
from bot.listing import about, adapter_options, filter_options, title_of, turn, turning_buttons
from bot.slack_frontend.escaping import escape, plain
from bot.slack_frontend.librarians import keeps_library
from bot.slack_frontend.people import Place
from bot.slack_frontend.screens import Screen, button
from bot.slack_frontend.telling import Telling
from bot.slack_frontend.upkeep import Upkeep
from bot.slack_frontend.web import Web
from bot.texts import Texts
from engine.desk import Desk, Page

#: Characters of an option, and of an adapter's line.
OPTION, LINE = 75, 300


class Turning:
    """Shows pages to people of one workspace."""

    def __init__(self, desk: Desk, web: Web, upkeep: Upkeep, telling: Telling) -> None:
        self._desk = desk
        self._web = web
        self._upkeep = upkeep
        self._telling = telling

    async def first(self, place: Place, words: str = "") -> Screen:
        """Returns where somebody begins to look through what was found, or everything."""
        listing = await self._desk.listings.open(place.asker, words)
        admin = await keeps_library(self._desk, self._web, place.asker)
        page = await self._desk.lookup.page(listing, 0, place.asker, admin=admin)
        return page_screen(page, await self._telling.texts(place))

    async def turn(self, place: Place, click: Click) -> None:
        """Shows another page, or other filters, in the place of the page before."""
        admin = await keeps_library(self._desk, self._web, place.asker)
        page = await turn(self._desk, click, place.chosen, place.asker, admin=admin)
        screen = page_screen(page, await self._telling.texts(place))
        await self._telling.show(place, screen, replace=True)

    async def show(self, place: Place, click: Click) -> None:
        """Shows the adapter that was chosen."""
        handle = (*place.chosen, "")[0]
        adapter = await self._desk.lookup.find_by_handle(handle, place.asker)
        await self._telling.show(place, await self._upkeep.card(place, adapter))


def page_screen(page: Page, texts: Texts) -> Screen:
    """Returns how a page looks."""
    title = title_of(page, texts)
    blocks: list[Block] = [HeaderBlock(text=plain(title, 150))]
    for one in page.adapters:
        described = one.description or texts.no_description
        line = f"{cut(one.title, 60)} · {about(one, texts)} · {one.id} · {described}"
        blocks.append(SectionBlock(text=plain(line, LINE)))
    if not page.adapters:
        blocks.append(SectionBlock(text=plain(texts.lora_none, LINE)))
    blocks.append(_filters(page, texts))
    if page.adapters:
        blocks.append(ActionsBlock(elements=[_adapters(page, texts)]))
    buttons = [button(one) for one in turning_buttons(page, texts)]
    if buttons:
        blocks.append(ActionsBlock(elements=buttons))
    return Screen(tuple(blocks), escape(title))


def _filters(page: Page, texts: Texts) -> SectionBlock:
    known = filter_options(page, texts)
    options = {one.value: Option(value=one.value, text=plain(one.label, OPTION)) for one in known}
    select = StaticMultiSelectElement(
        action_id=Click(Action.FILTER, page.listing.id).custom_id,
        placeholder=plain(texts.lora_filters, 150),
        options=list(options.values()),
        initial_options=[options[one.value] for one in known if one.chosen] or None,
    )
    return SectionBlock(text=plain(texts.lora_filters, LINE), accessory=select)


def _adapters(page: Page, texts: Texts) -> StaticSelectElement:
    options = [
        Option(value=one.value, text=plain(one.label, OPTION)) for one in adapter_options(page)
    ]
    return StaticSelectElement(
        action_id=Click(Action.SHOW, page.listing.id).custom_id,
        placeholder=plain(texts.lora_show, 150),
        options=options,
    )
