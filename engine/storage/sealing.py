"""Sealing: what must not lie readable in the database or in its backups.

Fernet, which is AES in CBC mode under an HMAC (https://github.com/fernet/spec). What is sealed says
what it is about, so that nobody who can write rows passes one workspace's secret off as another's.
"""

import base64
import binascii
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import SecretStr

from engine.errors import BadSettings

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

KEY_BYTES = 32
MAKES_KEY = f"openssl rand -base64 {KEY_BYTES}"


class Unsealable(BadSettings):
    """No key opens it: it was sealed with another one, altered, is about something else, or is
    too old."""


@dataclass(frozen=True)
class Sealing:
    """Seals with the first of its keys and opens with any, so that keys can be exchanged."""

    #: As `split_keys` takes them.
    keys: SecretStr

    def seal(self, text: str, about: str) -> bytes:
        """Returns the text as only a key can read it. Raises `BadSettings` without keys."""
        return self._fernet.encrypt(f"{about}\n{text}".encode())

    def open(self, sealed: bytes, about: str, lives: int | None = None) -> str:
        """Returns the text of a seal that is at most `lives` seconds old. Raises `Unsealable`."""
        from cryptography.fernet import InvalidToken

        try:
            named, _, text = self._fernet.decrypt(sealed, ttl=lives).decode().partition("\n")
        except InvalidToken as error:
            raise Unsealable(
                f"No key opens the {about}; put the key that it was sealed with behind the new one."
            ) from error
        if named != about:
            raise Unsealable(f"What is kept as the {about} is the {named}; install the app again.")
        return text

    @cached_property
    def _fernet(self) -> "MultiFernet":
        # Imported here: only who serves several workspaces needs it.
        from cryptography.fernet import Fernet, MultiFernet

        keys = split_keys(self.keys.get_secret_value())
        if not keys:
            raise BadSettings(f"There is no key; `{MAKES_KEY}` makes one.")
        return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])


def split_keys(text: str) -> list[bytes]:
    """Returns the keys of a text that holds them in base64, separated by spaces.

    Raises `ValueError` for one that has not 32 bytes.
    """
    keys = [_read(one) for one in text.split()]
    if any(len(key) != KEY_BYTES for key in keys):
        raise ValueError(f"a key is {KEY_BYTES} bytes in base64; `{MAKES_KEY}` makes one")
    return keys


def _read(text: str) -> bytes:
    try:
        return base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
    except binascii.Error:
        return b""
