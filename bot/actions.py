"""Actions: what people can do with an answer, as buttons carry it.

A button carries ids only, `stylus:ACTION:REQUEST` or `stylus:ACTION:REQUEST:INDEX`: whatever else
it needs stands in the database, so that it works for ever, in any process.
"""

from dataclasses import dataclass
from enum import StrEnum

from bot.reply import Reply
from bot.texts import Texts
from engine.values import Phase

_PREFIX = "stylus"


class Action(StrEnum):
    """What can be done with a request."""

    REROLL = "reroll"
    VARY = "vary"
    UPSCALE = "upscale"
    TASKS = "tasks"
    COMPARE = "compare"
    WHY = "why"
    RETRY = "retry"
    CANCEL = "cancel"
    DELETE = "delete"
    # On a duel.
    VOTE = "vote"
    RESULT = "result"
    # What stands on the screen of tasks.
    IDEAS = "ideas"
    ADAPTERS = "adapters"
    PINS = "pins"
    WEIGHTS = "weights"
    WEIGH = "weigh"
    RENDER = "render"
    # About a person, not a request.
    FORGET = "forget"
    # About a server.
    ADMIN = "admin"
    # About a proposed LoRA.
    APPROVE = "approve"
    REJECT = "reject"
    # About an adapter of the library, by its handle.
    EDIT = "edit"
    ENABLE = "enable"
    DISABLE = "disable"
    REMOVE = "remove"
    REFINE = "refine"
    NEWER = "newer"
    # About a list of adapters, by its id and the page's number.
    PAGE = "page"
    FILTER = "filter"
    SHOW = "card"
    # What only reactions do.
    STAR = "star"
    GOOD = "good"
    BAD = "bad"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class Click:
    """One action on one request."""

    action: Action
    request_id: str
    #: The image it is about, where it is about one.
    index: int | None = None

    @property
    def custom_id(self) -> str:
        """Returns what the button carries; under 100 characters."""
        parts = [_PREFIX, self.action.value, self.request_id]
        return ":".join(parts if self.index is None else [*parts, str(self.index)])


def read_click(custom_id: str) -> Click | None:
    """Returns the click of a custom id; None where it is none of ours."""
    prefix, _, rest = custom_id.partition(":")
    action, _, subject = rest.partition(":")
    request_id, _, index = subject.partition(":")
    if prefix != _PREFIX or action not in set(Action) or not request_id:
        return None
    return Click(Action(action), request_id, int(index) if index.isdecimal() else None)


@dataclass(frozen=True, slots=True)
class Button:
    """A click with its words."""

    click: Click
    label: str
    #: Makes something disappear.
    danger: bool = False


def buttons_for(reply: Reply, texts: Texts) -> list[list[Button]]:
    """Returns the rows of buttons of an answer: for the whole, then image by image."""
    request_id = reply.request_id
    delete = Button(Click(Action.DELETE, request_id), texts.delete)
    if reply.phase is not Phase.RENDERED:
        return [[Button(Click(Action.RETRY, request_id), texts.retry), delete]]
    if reply.duel:
        result = Button(Click(Action.RESULT, request_id), texts.duel_result)
        return [[*_each(reply, Action.VOTE, texts.duel_vote), result, delete]]
    whole = [
        Button(Click(Action.REROLL, request_id), texts.reroll),
        *_about_adapters(reply, texts),
        delete,
    ]
    return [
        whole,
        _each(reply, Action.VARY, texts.vary),
        _each(reply, Action.UPSCALE, texts.upscale),
    ]


def _about_adapters(reply: Reply, texts: Texts) -> list[Button]:
    """Without adapters there is nothing to choose among, to compare or to explain."""
    if not any(row.title for row in reply.rows):
        return []
    labels = {Action.TASKS: texts.tasks, Action.COMPARE: texts.compare, Action.WHY: texts.why}
    return [Button(Click(action, reply.request_id), label) for action, label in labels.items()]


def _each(reply: Reply, action: Action, label: str) -> list[Button]:
    indices = [image.rendering.index for image in reply.images]
    return [
        Button(Click(action, reply.request_id, index), label.format(number=index + 1))
        for index in indices
    ]


def cancel_button(request_id: str, texts: Texts) -> Button:
    """Returns the button of a request that is under way."""
    return Button(Click(Action.CANCEL, request_id), texts.cancel, danger=True)
