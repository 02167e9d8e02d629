"""What a card tells in words, and the licences that hobbyists choose."""

from dataclasses import dataclass

FREE: dict[str, bool | str] = {
    "allowNoCredit": True,
    "allowCommercialUse": "Sell",
    "allowDerivatives": True,
    "allowDifferentLicense": True,
}
CREDIT: dict[str, bool | str] = {**FREE, "allowNoCredit": False}
PRIVATE: dict[str, bool | str] = {**FREE, "allowNoCredit": False, "allowCommercialUse": "None"}


@dataclass(frozen=True)
class Story:
    """What the author of an adapter tells about it."""

    title: str
    description: str
    tags: tuple[str, ...]
    triggers: tuple[str, ...]
    prompts: tuple[str, ...]
    creator: str
    downloads: int
    licence: dict[str, bool | str]
