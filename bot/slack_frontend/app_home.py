"""The app's Home: what somebody asked lately, their quota, and the queue."""

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, DividerBlock
from slack_sdk.models.views import View

from bot.actions import Action, Click
from bot.slack_frontend.languages import Languages
from bot.slack_frontend.own_commands import history_lines, queue_lines, quota_lines
from bot.slack_frontend.screens import lines_screen
from bot.slack_frontend.web import Web, ask
from bot.texts import Texts
from engine.desk import Desk
from engine.values import Asker


class AppHome:
    """Shows the Homes of one workspace's people."""

    def __init__(self, desk: Desk, web: Web, languages: Languages) -> None:
        self._desk = desk
        self._web = web
        self._languages = languages

    async def publish(self, asker: Asker) -> None:
        """Shows the person their Home as it is now, with what admins need for those who are.

        Raises as `ask` does.
        """
        texts = await self._languages.of(asker)
        blocks = await self._parts(asker, texts)
        if await self._web.is_admin(asker.user):
            buttons = [
                _button("settings", texts.home_settings),
                _button("lora", texts.home_library),
            ]
            blocks += [DividerBlock(), ActionsBlock(elements=buttons)]
        view = View(type="home", blocks=blocks)
        await ask(self._web.client.views_publish(user_id=asker.user, view=view.to_dict()))

    async def _parts(self, asker: Asker, texts: Texts) -> list[Block]:
        parts = [
            (texts.history_title, await history_lines(self._desk, asker, texts)),
            (texts.quota_title, await quota_lines(self._desk, asker, texts)),
            (texts.queue_title, await queue_lines(self._desk, asker, texts)),
        ]
        blocks: list[Block] = []
        for title, lines in parts:
            blocks += [DividerBlock(), *lines_screen(title, lines).blocks]
        return blocks[1:]


def _button(part: str, label: str) -> ButtonElement:
    return ButtonElement(text=label, action_id=Click(Action.ADMIN, part).custom_id)
