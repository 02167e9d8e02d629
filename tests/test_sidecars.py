"""Cards that come with a file: in its header, or beside it."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadFile
from engine.library.cards import read_card
from engine.library.sidecars import card_beside, card_of_header, files_of
from tests.loopback_sources import model, version

INFO = version() | {"model": model()}


@pytest.mark.parametrize(
    ("suffix", "content"),
    [(".civitai.info", INFO), (".metadata.json", {"civitai": INFO}), (".json", {"title": "Mine"})],
)
def test_what_lies_beside_is_read(tmp_path: Path, suffix: str, content: dict[str, Any]) -> None:
    file = tmp_path / "neon.v2.safetensors"
    file.with_suffix(suffix).write_text(json.dumps(content))
    card = read_card({"source": "s", "source_id": "1", "title": "t"} | card_beside(file))
    expected = ("Mine", ()) if suffix == ".json" else ("Neon Nights", ("neonight", "glowing sign"))
    assert (card.title, card.trigger_words) == expected


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, '"x"', "x" * (2**20 + 1)])
def test_what_is_no_card_is_passed_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "neon.json").write_text(content)
    assert card_beside(tmp_path / "neon.safetensors") == {}
    assert card_beside(tmp_path / "nothing.safetensors") == {}


def test_a_header_names_base_author_and_trigger_words() -> None:
    card = card_of_header(
        {
            "modelspec.title": "Neon",
            "modelspec.author": "mira",
            "modelspec.trigger_phrase": "neonight, , glow",
            "ss_base_model_version": "sd_v1",
            "ss_sd_model_name": "ponyDiffusionV6XL.safetensors",
        }
    )
    assert (card["title"], card["creator"]) == ("Neon", "mira")
    assert card["trigger_words"] == ["neonight", "glow"]
    assert card["base_model"] == "ponyDiffusionV6XL.safetensors"


def test_a_folder_without_loras_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"no \.safetensors file in"):
        files_of(tmp_path)
    for name in ("b.safetensors", "a.safetensors", "a.json"):
        (tmp_path / name).touch()
    assert [path.name for path in files_of(tmp_path)] == ["a.safetensors", "b.safetensors"]
