"""StylusDocs: published cards come in; a pickle that wants to run anything is refused."""

import os
import pickle
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadFile
from engine.library.cards import read_card
from engine.library.stylus_docs import read_docs

NEWER = "stylus.refiner.fetch_adapter_metadata"
OLDER = "autoadapter.precompute.process_adapters"
FIELDS = {
    "adapter_id": 7,
    "alias": "neon_v2",
    "title": "Neon glow",
    "base_model": "SD 1.5",
    "description": "<p>old</p>",
    "llm_description": "Glowing neon lines.",
    "tags": ["style"],
    "trigger_words": ["neon"],
    "stats": {"downloads": 3},
    "download_url": "https://civitai.com/api/download/models/7",
    "image_prompts": ["a sign <lora:neon_v2:0.6>"],
    "weight": 0.7,
}


@pytest.fixture(params=[NEWER, OLDER])
def published(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file as the published code writes it, whose module then is gone."""
    parts = request.param.split(".")
    names = [".".join(parts[: n + 1]) for n in range(len(parts))]
    info: Any = type("AdapterInfo", (), {"__module__": request.param})
    for name in names:
        sys.modules[name] = types.ModuleType(name)
    sys.modules[request.param].__dict__["AdapterInfo"] = info
    try:
        one = info()
        one.__dict__.update(FIELDS)
        path = tmp_path / "sd_adapters.pkl"
        path.write_bytes(pickle.dumps([one]))
    finally:
        for name in names:
            del sys.modules[name]
    yield path


def test_a_published_card_comes_as_its_refiner_left_it(published: Path) -> None:
    (raw,) = read_docs(published)
    card = read_card(raw)
    assert (card.id, card.title, card.base) == ("civitai:7", "Neon glow", "sd15")
    assert card.description == "Glowing neon lines."
    assert (card.tags, card.trigger_words, card.weight) == (("style",), ("neon",), 0.7)


class Canary:
    """Makes a file when it is read by a reader that trusts it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_runs_something_is_refused_before_it_does(tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "docs.pkl"
    for content in (Canary(canary), [FIELDS, Canary(canary)], {"a": [Canary(canary)]}):
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(BadFile, match="mkdir, which StylusDocs never need"):
            list(read_docs(path))
    assert not canary.exists()
    assert pickle.loads(pickle.dumps(Canary(canary))) is None  # noqa: S301  the trap works
    assert canary.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps([FIELDS])[:-20],
        pickle.dumps([]),
        pickle.dumps({"adapter_id": 1}),
        pickle.dumps([1, 2]),
        pickle.dumps([{"title": "x"}]),
        b"\x80\x04Pout\x0a.",
    ],
)
def test_what_is_no_list_of_cards_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "docs.pkl"
    path.write_bytes(content)
    with pytest.raises(BadFile):
        list(read_docs(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"docs\.pkl cannot be read"):
        list(read_docs(tmp_path / "docs.pkl"))
