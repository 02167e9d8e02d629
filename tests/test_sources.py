"""Sources: whatever names a LoRA leads to its file, checked, and to what its source says of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadUrl, DownloadFailed
from engine.library.cards import read_card
from engine.library.found import Found, Newer
from engine.library.references import (
    CivitaiFile,
    HuggingFaceFile,
    PlainFile,
    Reference,
    read_reference,
    text_of,
)
from engine.library.sources import fetched, find, find_newer
from engine.settings import Library
from tests.loopback_sources import CONTENT, SHA, TOKEN, LoopbackSources, serve_sources
from tests.test_downloads import left

OURS = Library()
NAMED: list[tuple[str, Reference]] = [
    ("https://civitai.com/models/11/neon-nights", CivitaiFile(11)),
    ("https://www.civitai.com/models/11/neon?modelVersionId=22", CivitaiFile(11, 22)),
    ("https://civitai.com/models/11@22", CivitaiFile(11, 22)),
    ("https://civitai.com/model-versions/22", CivitaiFile(None, 22)),
    ("https://civitai.com/api/download/models/22?type=Model", CivitaiFile(None, 22)),
    ("urn:air:sdxl:lora:civitai:11@22", CivitaiFile(11, 22)),
    ("air:sd1:lora:civitai:11", CivitaiFile(11)),
    ("urn:air:flux1:lora:huggingface:mira/neon-nights", HuggingFaceFile("mira/neon-nights")),
    ("https://huggingface.co/mira/neon-nights", HuggingFaceFile("mira/neon-nights")),
    ("https://hf.co/mira/neon-nights/tree/dev", HuggingFaceFile("mira/neon-nights", None, "dev")),
    (
        "https://huggingface.co/mira/neon-nights/blob/main/a/b.safetensors",
        HuggingFaceFile("mira/neon-nights", "a/b.safetensors"),
    ),
    (
        "<https://huggingface.co/mira/neon-nights/resolve/v2/b.safetensors?download=true>",
        HuggingFaceFile("mira/neon-nights", "b.safetensors", "v2"),
    ),
    (
        "https://civitai.com/files/x.safetensors",
        PlainFile("https://civitai.com/files/x.safetensors"),
    ),
    ("https://github.com/a/x.safetensors", PlainFile("https://github.com/a/x.safetensors")),
]


@pytest.mark.parametrize(("text", "reference"), NAMED)
def test_what_people_write_is_read_and_shown_as_a_page(text: str, reference: Reference) -> None:
    assert read_reference(text, OURS) == reference
    assert read_reference(text_of(reference, OURS), OURS) == reference


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("urn:air:sdxl:checkpoint:civitai:11", "names a checkpoint"),
        ("urn:air:sdxl:lora:elsewhere:11", "names no LoRA of Civitai or Hugging Face"),
        ("https://huggingface.co/datasets/mira/things", "no model's page"),
        ("https://huggingface.co/mira/neon/discussions/3", "no file's page"),
        ("https://[", "is not a URL"),
    ],
)
def test_what_names_no_lora_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(BadUrl, match=sentence):
        read_reference(text, OURS)


@pytest.fixture
async def sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LoopbackSources]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with serve_sources() as served:
        yield served


async def found(sources: LoopbackSources, path: str = "models/11") -> Found:
    base = sources.library.huggingface_url if "mira" in path else sources.library.civitai_url
    return await find(read_reference(f"{base}/{path}", sources.library), sources.library)


async def refusal(sources: LoopbackSources, path: str = "models/11") -> str:
    with pytest.raises((BadUrl, DownloadFailed)) as caught:
        async with fetched(await found(sources, path), sources.library):
            pass
    assert TOKEN not in str(caught.value)
    return str(caught.value)


PAGES = ["models/11", "models/11?modelVersionId=22", "api/download/models/22", "mira/neon-nights"]


@pytest.mark.parametrize("path", PAGES)
async def test_the_file_arrives_from_signed_storage(
    sources: LoopbackSources, tmp_path: Path, path: str
) -> None:
    """The key goes to the source and not to where it redirects."""
    one = await found(sources, path)
    async with fetched(one, sources.library) as file:
        assert file.path.read_bytes() == CONTENT
        assert file.sha256 == one.sha256 == SHA
    logins = {asked: headers.get("Authorization") for asked, headers in sources.asked}
    assert logins.pop("/signed") is None
    assert set(logins.values()) == {f"Bearer {TOKEN}"}
    assert left(tmp_path) == []


async def test_a_civitai_card(sources: LoopbackSources) -> None:
    one = await found(sources)
    card = read_card(one.card)
    assert (one.file_name, card.id) == ("neon_nights.safetensors", "civitai:22")
    assert (card.title, card.creator, card.rating) == ("Neon Nights", "mira", "safe")
    assert card.trigger_words == ("neonight", "glowing sign")
    assert card.weight == 0.8, "the median of 0.7 in a prompt and 0.9 among its resources"
    assert card.lineage == "Pony"
    assert card.base == "sdxl"
    assert card.licence == "credit the creator; commercial use: ['Image']"
    assert one.card["images"] == ["https://image.civitai.com/a.jpeg"], "fit for all, that one"
    assert one.card["link"] == f"{sources.library.civitai_url}/models/11?modelVersionId=22"


async def test_a_hugging_face_card(sources: LoopbackSources) -> None:
    one = await found(sources, "mira/neon-nights")
    card = read_card(one.card)
    assert (card.id, card.title) == ("huggingface:mira/neon-nights/neon.safetensors", "neon nights")
    assert (card.creator, card.licence, card.tags) == ("mira", "openrail", ("neon",))
    assert card.trigger_words == ("neonight",)
    assert card.example_prompts == ("a city, neonight",)
    assert "Draws **neon** signs" in one.card["description"]
    assert one.card["link"].endswith("/mira/neon-nights/blob/main/neon.safetensors")


@pytest.mark.parametrize(
    ("changes", "rating"),
    [({"nsfw": True}, "unsafe"), ({"nsfwLevel": 24}, "unsafe"), ({"nsfwLevel": 9}, "safe")],
)
async def test_a_rating_is_its_sources(
    sources: LoopbackSources, changes: dict[str, Any], rating: str
) -> None:
    sources.model |= changes
    sources.version["nsfwLevel"] = changes.get("nsfwLevel", 1)
    assert read_card((await found(sources)).card).rating == rating


async def test_a_real_person_is_one(sources: LoopbackSources) -> None:
    sources.model |= {"poi": True}
    assert read_card((await found(sources)).card).kind == "person"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"type": "Checkpoint"}, "is a Checkpoint and no LoRA"),
        ({"name": "Neon <@1>", "type": None}, "is a thing and no LoRA"),
    ],
)
async def test_what_is_no_lora_is_refused(
    sources: LoopbackSources, changes: dict[str, Any], sentence: str
) -> None:
    sources.model |= changes
    assert sentence in await refusal(sources)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "x.ckpt", "metadata": {"format": "PickleTensor"}}, "other formats can run code"),
        ({"virusScanResult": "Danger"}, "was found dangerous by its source"),
    ],
)
async def test_a_dangerous_file_is_not_even_fetched(
    sources: LoopbackSources, changes: dict[str, Any], sentence: str
) -> None:
    sources.version["files"][1] |= changes
    assert sentence in await refusal(sources)
    assert "/signed" not in dict(sources.asked)


async def test_a_repository_of_several_files_asks_which(sources: LoopbackSources) -> None:
    sources.repo["siblings"].append({"rfilename": "other.safetensors"})
    assert "has 2 .safetensors files" in await refusal(sources, "mira/neon-nights")
    assert "has no file “gone.safetensors”" in await refusal(
        sources, "mira/neon-nights/blob/main/gone.safetensors"
    )


@pytest.mark.parametrize(
    ("instead", "sentence"),
    [
        ((401, '{"error":"Unauthorized"}'), "wants a login or early access"),
        ((403, "{}"), "does not give it to us"),
        ((404, "{}"), "has no such file"),
        ((429, "{}"), "too many requests"),
        ((307, "/login?returnUrl=%2Fmodels%2F11&reason=download-auth"), "wants a login"),
        ((307, "http://127.0.0.3/x"), "not fetched from 127.0.0.3"),
        ((200, "<!DOCTYPE html><title>Just a moment...</title>"), "sent a web page"),
        ((200, "another file"), "which its page states"),
    ],
)
async def test_what_a_source_answers_instead_is_said(
    sources: LoopbackSources, tmp_path: Path, instead: tuple[int, str], sentence: str
) -> None:
    """Early access, limits, a challenge page that calls itself a file, another file."""
    sources.instead = instead
    assert sentence in await refusal(sources)
    assert left(tmp_path) == []


async def test_a_source_that_answers_nonsense(sources: LoopbackSources) -> None:
    assert "has no such file" in await refusal(sources, "models/99")
    sources.version = []  # type: ignore[assignment]
    assert "in a way that nobody expects" in await refusal(sources, "api/download/models/22")


@pytest.mark.parametrize(
    "reference", [CivitaiFile(11, 22), CivitaiFile(None, 22), CivitaiFile(sha256=SHA)]
)
async def test_a_newer_version_of_the_same_family_is_found(
    sources: LoopbackSources, reference: Reference
) -> None:
    assert await find_newer(reference, SHA, "sdxl", sources.library) is None
    flux = sources.version | {"id": 44, "name": "v4", "baseModel": "Flux.1 D"}
    sources.versions = [flux, sources.version | {"id": 33, "name": "v3"}, sources.version]
    page = f"{sources.library.civitai_url}/models/11?modelVersionId=33"
    assert await find_newer(reference, SHA, "sdxl", sources.library) == Newer("v3", page)


async def test_another_commit_is_newer_only_with_another_file(sources: LoopbackSources) -> None:
    ours = HuggingFaceFile("mira/neon-nights", "neon.safetensors")
    sources.repo["sha"] = "abcdef0" * 5
    assert await find_newer(ours, SHA, "sdxl", sources.library) is None
    page = f"{sources.library.huggingface_url}/mira/neon-nights/blob/main/neon.safetensors"
    newer = await find_newer(ours, "0" * 64, "sdxl", sources.library)
    assert newer == Newer("abcdef0", page)
    with pytest.raises(DownloadFailed, match="Only Civitai and Hugging Face tell"):
        await find_newer(PlainFile("https://civitai.com/x"), SHA, "sdxl", sources.library)
