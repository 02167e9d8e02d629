"""Parsed LoRAs in RAM."""

import threading
from collections import OrderedDict

from engine.rendering.lora_file import Lora

#: A checkpoint's name and a file's hash: the same file means other layers elsewhere.
Key = tuple[str, str]


class LoraCache:
    """The LoRAs used last, as many as fit into a number of bytes. Any thread may use it."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._loras: OrderedDict[Key, Lora] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        #: How often a LoRA was here, and how often not.
        self.hits = 0
        self.misses = 0

    def get(self, key: Key) -> Lora | None:
        """The LoRA of that key, which counts as used now; None where it is not here."""
        with self._lock:
            lora = self._loras.get(key)
            if lora is None:
                self.misses += 1
                return None
            self.hits += 1
            self._loras.move_to_end(key)
            return lora

    def put(self, key: Key, lora: Lora) -> None:
        """Keeps a LoRA, and lets go of those unused for longest where there is no room."""
        with self._lock:
            if key in self._loras:
                return
            self._loras[key] = lora
            self._bytes += lora.bytes
            while self._bytes > self._limit_bytes:
                _, dropped = self._loras.popitem(last=False)
                self._bytes -= dropped.bytes

    def held(self) -> list[Key]:
        """What is here, the LoRA used last at the end; that alone is no use of any."""
        with self._lock:
            return list(self._loras)

    def __contains__(self, key: Key) -> bool:
        """Whether a LoRA is here; that alone is no use of it."""
        return key in self._loras

    @property
    def bytes(self) -> int:
        """Bytes of all that is kept."""
        return self._bytes
