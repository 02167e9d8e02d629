"""Hugging Face: what its API says of a LoRA's repository, as a card.

Shapes: https://huggingface.co/docs/hub/api. A file in large storage has its sha256 in the list
of files; the repository's card is the front matter of its README, the rest of which describes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from yarl import URL

from engine.errors import BadUrl, DownloadFailed
from engine.library.found import Ask, Found
from engine.library.references import HuggingFaceFile

_NOT_FOR_ALL = "not-for-all-audiences"


async def find(reference: HuggingFaceFile, ask: Ask, base: URL) -> Found:
    """Returns the file and its card. Raises `BadUrl` and `DownloadFailed`."""
    revision = "" if reference.revision == "main" else f"/revision/{reference.revision}"
    answer = await ask((base / f"api/models/{reference.repo}{revision}").with_query(blobs="true"))
    if not isinstance(answer, Mapping):
        raise DownloadFailed(f"{base.host} answered in a way that nobody expects; try again later.")
    return read_found(answer, reference, base)


async def find_newer(
    reference: HuggingFaceFile, sha256: str, ask: Ask, base: URL
) -> tuple[str, HuggingFaceFile] | None:
    """Returns name and place of the file at the newest commit; None where it is the same file.

    A commit that leaves the file as it is makes nothing newer. Raises `BadUrl` and
    `DownloadFailed`.
    """
    newest = replace(reference, revision="main")
    found = await find(newest, ask, base)
    if found.sha256 is None or found.sha256 == sha256:
        return None
    commit = str(found.card.get("commit") or "")[:7]
    return commit or "main", newest


def read_found(repo: Mapping[str, Any], reference: HuggingFaceFile, base: URL) -> Found:
    """Returns the file and card of a repository. Raises `BadUrl` where there is no such file."""
    siblings = repo.get("siblings")
    files = [one for one in siblings if isinstance(one, Mapping)] if siblings else []
    file = _file(files, reference)
    name = str(file["rfilename"])
    large = file.get("lfs")
    sha256 = str(large.get("sha256") or "").lower() if isinstance(large, Mapping) else ""
    card = _card(repo, reference, sha256, name)
    url = base / reference.repo / "resolve" / reference.revision / name
    return Found(str(url), name.rsplit("/", 1)[-1], sha256 or None, card)


def _file(files: Sequence[Mapping[str, Any]], reference: HuggingFaceFile) -> Mapping[str, Any]:
    named = {str(file.get("rfilename")): file for file in files}
    if reference.file is not None:
        if reference.file not in named:
            raise BadUrl(f"{reference.repo} has no file “{reference.file[:80]}”; check the URL.")
        return named[reference.file]
    weights = [name for name in named if name.lower().endswith(".safetensors")]
    if len(weights) != 1:
        few = ", ".join(sorted(weights)[:5])
        what = f"{len(weights)} .safetensors files ({few})" if weights else "no .safetensors file"
        raise BadUrl(f"{reference.repo} has {what}; give the URL of the one that is meant.")
    return named[weights[0]]


def _card(
    repo: Mapping[str, Any], reference: HuggingFaceFile, sha256: str, name: str
) -> dict[str, Any]:
    data = repo.get("cardData")
    card = data if isinstance(data, Mapping) else {}
    tags = [tag for tag in repo.get("tags") or [] if isinstance(tag, str) and ":" not in tag]
    widget = card.get("widget")
    shown = [one for one in widget if isinstance(one, Mapping)] if isinstance(widget, list) else []
    trigger = card.get("instance_prompt")
    base_model = card.get("base_model")
    return {
        "source": "huggingface",
        "commit": str(repo.get("sha") or ""),
        "source_id": f"{reference.repo}/{name}",
        "title": reference.repo.split("/")[1].replace("-", " ").replace("_", " "),
        "description": str(card.get("description") or ""),
        "tags": [tag for tag in tags if tag not in _TECHNICAL],
        "trigger_words": [trigger] if isinstance(trigger, str) and trigger else [],
        "base_model": ", ".join(map(str, base_model))
        if isinstance(base_model, list)
        else str(base_model or ""),
        "example_prompts": [str(one["text"]) for one in shown if one.get("text")],
        "nsfw": _NOT_FOR_ALL in tags,
        "creator": str(repo.get("author") or reference.repo.split("/")[0]),
        "licence": str(card.get("license") or ""),
        "file_name": name.rsplit("/", 1)[-1],
        "file_sha256": sha256 or None,
    }


#: Tags that say how it is stored or run, not what it draws.
_TECHNICAL = {
    "diffusers",
    "safetensors",
    "text-to-image",
    "lora",
    "template",
    "sd-lora",
    "stable-diffusion",
    "stable-diffusion-xl",
    "stable-diffusion-diffusers",
    "diffusers-training",
    _NOT_FOR_ALL,
}
