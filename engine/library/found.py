"""What a source knows of a LoRA: where its file is, and a card."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from yarl import URL

#: Asks a source's API and returns its JSON.
Ask = Callable[[URL], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Newer:
    """A newer file than ours at a source."""

    #: What the source calls it: a version's name, a commit.
    name: str
    #: Its page, by which it can be added.
    link: str


@dataclass(frozen=True, slots=True)
class Found:
    """A file at a source. The card is a stranger's: it is cleaned where it is read."""

    url: str
    file_name: str
    #: What the file must hash to; None where the source does not say.
    sha256: str | None
    #: In the shape of an import's card; the page it came from is its `link`.
    card: dict[str, Any]
    #: Sent to the URL's host alone.
    token: SecretStr | None = None
