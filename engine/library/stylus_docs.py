"""StylusDocs: the cards that the authors of Stylus published, as a pickle.

Such a file can name any function for its reader to call. Ours knows one name, the class of the
cards, which it takes for a plain bag of fields; whatever else a file names is refused before
anything of it is called. This is the only module that reads pickles.

The published vectors of those cards are not read: they are of another embedder, and cards are
embedded here anyway.
"""

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from engine.errors import BadFile

SUFFIXES = (".pkl", ".pickle")
#: Where the class of a card lay when files were written, in the older and the newer code.
_MODULES = ("autoadapter.precompute.process_adapters", "stylus.refiner.fetch_adapter_metadata")
_CLASS = "AdapterInfo"


def read_docs(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the raw cards of a pickled list. Raises `BadFile` where it holds anything else."""
    try:
        with path.open("rb") as file:
            docs = _PlainData(file).load()
    except BadFile:
        raise
    except Exception as error:  # a damaged file can raise nearly anything
        raise BadFile(f"{path} cannot be read as StylusDocs.") from error
    if not isinstance(docs, list) or not docs:
        raise BadFile(f"{path} holds no list of cards.")
    for number, doc in enumerate(docs, 1):
        fields = doc if isinstance(doc, Mapping) else getattr(doc, "__dict__", None)
        if not isinstance(fields, Mapping) or "adapter_id" not in fields:
            raise BadFile(f"Entry {number} of {path} is no card of StylusDocs.")
        yield _raw(fields)


class _PlainData(pickle.Unpickler):
    """Admits lists, dicts, texts and numbers, and cards as bags of them."""

    def find_class(self, module: str, name: str) -> type:
        """Returns a bag for the class of a card. Raises `BadFile` for every other name."""
        if module in _MODULES and name == _CLASS:
            # A class of its own for each name that is met: nothing a file does to it stays.
            return type(_CLASS, (), {})
        raise BadFile(
            f"The file asks for {module[:40]}.{name[:40]}, which StylusDocs never need; "
            "it is not read."
        )

    def persistent_load(self, pid: object) -> NoReturn:
        """Raises `BadFile`: there is nothing outside the file."""
        raise BadFile("The file points to something outside of itself; it is not read.")


def _raw(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source": "civitai",
        "source_id": str(fields["adapter_id"]),
        "title": fields.get("title"),
        "description": fields.get("llm_description") or fields.get("description"),
        "tags": fields.get("tags"),
        "trigger_words": fields.get("trigger_words"),
        "base_model": fields.get("base_model"),
        "weight": fields.get("weight"),
        "example_prompts": fields.get("image_prompts"),
        "file_name": f"{fields.get('alias') or fields['adapter_id']}.safetensors",
    }
