"""Sources: where LoRAs come from, behind one contract.

A reference goes in; the file's address, its hash and a card come out. What is asked goes through
the same checks of addresses as every download.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from pydantic import SecretStr
from yarl import URL

from engine.errors import DownloadFailed
from engine.library import civitai, hugging_face
from engine.library.addresses import Reach
from engine.library.downloads import Bounds, Downloaded, OnBytes, download, nobody_listens
from engine.library.found import Ask, Found, Newer
from engine.library.references import (
    CivitaiFile,
    HuggingFaceFile,
    PlainFile,
    Reference,
    text_of,
)
from engine.library.wire import ask_json, ask_text, parse_url
from engine.settings import Library


async def find(reference: Reference, library: Library) -> Found:
    """Returns where a reference's file is and what its source says of it.

    Raises `BadUrl` for what is no LoRA or out of reach, `DownloadFailed` where the source does
    not answer.
    """
    if isinstance(reference, PlainFile):
        url = parse_url(reference.url)
        return Found(reference.url, url.name, None, {"link": reference.url})
    found = await (
        _at_civitai(reference, library)
        if isinstance(reference, CivitaiFile)
        else _at_hugging_face(reference, library)
    )
    return replace(found, card=found.card | {"link": _page(found, reference, library)})


async def _at_civitai(reference: CivitaiFile, library: Library) -> Found:
    ask = _asking(library, library.civitai_token)
    found = await civitai.find(reference, ask, URL(library.civitai_url))
    return replace(found, token=library.civitai_token)


async def _at_hugging_face(reference: HuggingFaceFile, library: Library) -> Found:
    token, base = library.huggingface_token, URL(library.huggingface_url)
    found = await hugging_face.find(reference, _asking(library, token), base)
    readme = base / reference.repo / "raw" / reference.revision / "README.md"
    with suppress(DownloadFailed):  # many have none
        text = await ask_text(readme, Reach.of(library), token)
        found = replace(found, card=found.card | {"description": text})
    return replace(found, token=token)


async def find_newer(
    reference: Reference, sha256: str | None, base_model: str, library: Library
) -> Newer | None:
    """Returns what a source has that is newer than our file; None where ours is the newest.

    `sha256` is our file's, `base_model` the family it is made for. Raises `BadUrl` and
    `DownloadFailed`, also for a plain URL, of which nobody can tell.
    """
    found: tuple[str, Reference] | None = None
    if isinstance(reference, CivitaiFile):
        ask = _asking(library, library.civitai_token)
        found = await civitai.find_newer(
            reference, sha256, base_model, ask, URL(library.civitai_url)
        )
    elif isinstance(reference, HuggingFaceFile) and sha256:
        ask = _asking(library, library.huggingface_token)
        found = await hugging_face.find_newer(reference, sha256, ask, URL(library.huggingface_url))
    else:
        raise DownloadFailed("Only Civitai and Hugging Face tell of newer files; look there.")
    return Newer(found[0], text_of(found[1], library)) if found else None


def _asking(library: Library, token: SecretStr) -> Ask:
    reach = Reach.of(library)

    async def ask(url: URL) -> Any:
        return await ask_json(url, reach, token)

    return ask


def _page(found: Found, reference: Reference, library: Library) -> str:
    """The page of the very version or file that was found, however it was named."""
    if isinstance(reference, CivitaiFile):
        model, version = found.card.get("model_id"), str(found.card["source_id"])
        known = CivitaiFile(int(model) if isinstance(model, int) else None, int(version or 0))
        return text_of(known, library)
    assert isinstance(reference, HuggingFaceFile)
    name = str(found.card["source_id"]).removeprefix(f"{reference.repo}/")
    return text_of(replace(reference, file=name), library)


@asynccontextmanager
async def fetched(
    found: Found, library: Library, on_bytes: OnBytes = nobody_listens
) -> AsyncIterator[Downloaded]:
    """Yields the file, deleted at the end, once it is the one that its source describes.

    Raises what `download` raises.
    """
    bounds = Bounds(library.download_mb * 2**20, library.download_seconds)
    async with download(found.url, Reach.of(library), bounds, on_bytes, found.token) as file:
        if found.sha256 and file.sha256 != found.sha256:
            raise DownloadFailed(
                f"What {parse_url(found.url).host} sent has sha256 {file.sha256[:12]} and not "
                f"{found.sha256[:12]}, which its page states; try again later."
            )
        yield file
