"""Flags: what people write after `/stylus prompt`, and in mentions.

    a fox in neon rain --images 2 --seed 7 --size 512x512 --negative "text, frame"

Phones and Macs make a dash of two hyphens and curly quotes of straight ones; both are understood.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, get_args

from bot.sizes import read_size
from engine.errors import BadOption
from engine.values import Ask, Asker, ComposerName, Opponent, Overrides, Rules

_FLAG = re.compile(r"(?:^|(?<=\s))(?:--|—)([a-z][a-z-]*)(?:[ =]+(\"[^\"]*\"|“[^”]*”|(?!--|—)\S+))?")
NAMES = (
    "images", "seed", "size", "negative", "adapters", "pin", "drop", "composer", "checkpoint",
    "steps", "guidance", "quality",
)  # fmt: skip
#: ... and after `/stylus duel`.
DUEL_NAMES = (*NAMES, "against")

#: Those that stand alone.
SWITCHES = ("private",)


@dataclass(frozen=True, slots=True)
class Written:
    """A text taken apart: the prompt, and each flag's values in order."""

    prompt: str
    flags: dict[str, list[str]]

    def last(self, name: str) -> str | None:
        """Returns the flag's last value; None where it was not given."""
        return self.flags.get(name, [None])[-1]


def read_flags(text: str, names: tuple[str, ...] = NAMES) -> Written:
    """Returns prompt and flags. Raises `BadOption` for a flag that does not exist."""
    flags: dict[str, list[str]] = {}

    def take(found: re.Match[str]) -> str:
        name, value = found[1], found[2]
        if name in SWITCHES and names in (NAMES, DUEL_NAMES):
            flags[name] = [name]
            return f" {value or ''}"
        if name not in names:
            known = ", ".join(f"--{name}" for name in (*names, *SWITCHES))
            raise BadOption(f"There is no option --{name}; there are {known}.")
        if value is None:
            raise BadOption(f"--{name} needs a value after it.")
        flags.setdefault(name, []).append(value.strip('"“”'))
        return " "

    return Written(" ".join(_FLAG.sub(take, text).split()), flags)


def to_ask(text: str, asker: Asker, names: tuple[str, ...] = NAMES) -> Ask:
    """Returns what a person asks for. Raises `BadOption` naming the option."""
    written = read_flags(text, names)
    width, height = read_size(written.last("size"))
    return Ask(
        asker=asker,
        prompt=written.prompt,
        negative=written.last("negative"),
        images=number(written, "images", int),
        seed=number(written, "seed", int),
        width=width,
        height=height,
        checkpoint=written.last("checkpoint"),
        steps=number(written, "steps", int),
        guidance=number(written, "guidance", float),
        draft=_one_of(written, "quality", ("full", "draft")) == "draft",
        overrides=Overrides(
            adapters=_one_of(written, "adapters", ("auto", "none")) or "auto",
            pin=tuple(written.flags.get("pin", ())),
            drop=tuple(written.flags.get("drop", ())),
            composer=_one_of(written, "composer", get_args(ComposerName)),
            against=_one_of(written, "against", get_args(Opponent)) or "base",
        ),
    )


def within(ask: Ask, rules: Rules) -> Ask:
    """Returns the ask with what the workspace decides where the person does not."""
    return replace(
        ask,
        images=ask.images or rules.images,
        checkpoint=ask.checkpoint or rules.checkpoint,
        overrides=replace(ask.overrides, unsafe=rules.unsafe),
    )


def number(written: Written, name: str, kind: Callable[[str], Any]) -> Any:
    """Returns a flag's number, None where it was not given. Raises `BadOption`."""
    text = written.last(name)
    try:
        return None if text is None else kind(text)
    except ValueError:
        raise BadOption(f"--{name} is “{text}”; it takes a number.") from None


def _one_of(written: Written, name: str, known: tuple[str, ...]) -> Any:
    text = written.last(name)
    if text is not None and text not in known:
        raise BadOption(f"--{name} is “{text}”; it may be {' or '.join(known)}.")
    return text
