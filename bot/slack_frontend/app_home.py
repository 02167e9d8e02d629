"""The app's Home: what somebody asked lately, their quota, and the queue."""

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, DividerBlock
from slack_sdk.models.views import View

from bot.actions import Action, Click
from bot.slack_frontend.own_commands import history_lines, queue_lines, quota_lines
from bot.slack_frontend.screens import lines_screen
from bot.slack_frontend.web import Web, ask
from bot.texts import Texts
from engine.desk import Desk
from engine.values import Asker


async def publish_home(desk: Desk, web: Web, asker: Asker, texts: Texts) -> None:
    """Shows the person their Home as it is now, with what admins need for those who are.

    Raises as `ask` does.
    """
    parts = [
        (texts.history_title, await history_lines(desk, asker, texts)),
        (texts.quota_title, await quota_lines(desk, asker, texts)),
        (texts.queue_title, await queue_lines(desk, asker, texts)),
    ]
    blocks: list[Block] = []
    for title, lines in parts:
        blocks += [*lines_screen(title, lines).blocks, DividerBlock()]
    if await web.is_admin(asker.user):
        buttons = [_button("settings", texts.home_settings), _button("lora", texts.home_library)]
        blocks += [ActionsBlock(elements=buttons), DividerBlock()]
    view = View(type="home", blocks=blocks[:-1])
    await ask(web.client.views_publish(user_id=asker.user, view=view.to_dict()))


def _button(part: str, label: str) -> ButtonElement:
    return ButtonElement(text=label, action_id=Click(Action.ADMIN, part).custom_id)
