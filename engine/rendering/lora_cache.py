"""Parsed LoRAs in RAM."""

from collections import OrderedDict

from engine.rendering.lora_file import Lora


class LoraCache:
    """The LoRAs used last, by hash, as many as fit into a number of bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._loras: OrderedDict[str, Lora] = OrderedDict()
        self._bytes = 0

    def get(self, sha256: str) -> Lora | None:
        """The LoRA of that hash, which counts as used now; None where it is not here."""
        lora = self._loras.get(sha256)
        if lora is not None:
            self._loras.move_to_end(sha256)
        return lora

    def put(self, lora: Lora) -> None:
        """Keeps a LoRA, and lets go of those unused for longest where there is no room."""
        if lora.sha256 in self._loras:
            return
        self._loras[lora.sha256] = lora
        self._bytes += lora.bytes
        while self._bytes > self._limit_bytes:
            _, dropped = self._loras.popitem(last=False)
            self._bytes -= dropped.bytes

    @property
    def bytes(self) -> int:
        """Bytes of all kept factors."""
        return self._bytes
