"""Civitai: what its API says of a LoRA, as a card.

Shapes: https://developer.civitai.com/site/reference/models and .../model-versions. The model has
the description, tags, creator and licence; the version has the file, base model and trigger words.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from yarl import URL

from engine.errors import BadUrl, DownloadFailed
from engine.library.cards import base_family
from engine.library.found import Ask, Found
from engine.library.references import CivitaiFile

_LORAS = {"lora", "locon", "dora", "lycoris"}
#: Bits of `nsfwLevel` that stand for images anybody may see (PG and PG-13).
_FIT_FOR_ALL = 3


async def find(reference: CivitaiFile, ask: Ask, base: URL) -> Found:
    """Returns the file and its card. Raises `BadUrl` and `DownloadFailed`."""
    if reference.version is None and reference.sha256 is None:
        model = _checked(await ask(base / f"api/v1/models/{reference.model}"), base)
        versions = _many(model.get("modelVersions"))
        if not versions:
            raise BadUrl(f"Model {reference.model} on {base.host} has no version to download.")
        return read_found(model, versions[0])
    which = reference.version or f"by-hash/{reference.sha256}"
    version = _checked(await ask(base / f"api/v1/model-versions/{which}"), base)
    model = _checked(await ask(base / f"api/v1/models/{version.get('modelId')}"), base)
    return read_found(model, version)


async def find_newer(
    reference: CivitaiFile, sha256: str | None, base_model: str, ask: Ask, base: URL
) -> tuple[str, CivitaiFile] | None:
    """Returns name and place of the newest version for the same family of base models.

    None where that is ours. Raises `DownloadFailed`.
    """
    which = reference.version or (sha256 and f"by-hash/{sha256}")
    model, version = reference.model, reference.version
    if model is None or version is None:
        ours = _checked(await ask(base / f"api/v1/model-versions/{which}"), base)
        model, version = int(ours.get("modelId") or 0), int(ours.get("id") or 0)
    answer = _checked(await ask(base / f"api/v1/models/{model}"), base)
    versions = _many(answer.get("modelVersions"))  # the newest first
    fitting = [one for one in versions if base_family(str(one.get("baseModel"))) == base_model]
    if not fitting or fitting[0].get("id") == version:
        return None
    newest = fitting[0]
    return str(newest.get("name") or newest.get("id")), CivitaiFile(model, int(newest["id"]))


def _checked(answer: Any, base: URL) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise DownloadFailed(f"{base.host} answered in a way that nobody expects; try again later.")
    return answer


def read_found(model: Mapping[str, Any], version: Mapping[str, Any]) -> Found:
    """Returns the file and card of a version. Raises `BadUrl` for what is no LoRA to be had."""
    name, kind = str(model.get("name") or "This model"), str(model.get("type") or "")
    if kind.lower() not in _LORAS:
        raise BadUrl(f"“{name[:80]}” is a {kind or 'thing'} and no LoRA; only LoRAs can be added.")
    file = _file(name, _many(version.get("files")))
    hashes = file.get("hashes") if isinstance(file.get("hashes"), Mapping) else {}
    sha256 = str((hashes or {}).get("SHA256") or "").lower() or None
    return Found(
        url=str(file.get("downloadUrl") or version.get("downloadUrl") or ""),
        file_name=str(file.get("name") or ""),
        sha256=sha256,
        card=read_card(model, version) | {"file_sha256": sha256},
    )


def _file(name: str, files: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The version's main file that is safetensors."""
    models = [f for f in files if f.get("type", "Model") in ("Model", "Pruned Model")]
    safe = [f for f in models if _format(f) == "safetensor" or _ends_safely(f)]
    if not safe:
        raise BadUrl(f"“{name[:80]}” has no .safetensors file; other formats can run code.")
    found = next((file for file in safe if file.get("primary")), safe[0])
    for scan in ("pickleScanResult", "virusScanResult"):
        if str(found.get(scan, "")).lower() == "danger":
            raise BadUrl(f"The file of “{name[:80]}” was found dangerous by its source; leave it.")
    return found


def _format(file: Mapping[str, Any]) -> str:
    details = file.get("metadata")
    return str(details.get("format", "")).lower() if isinstance(details, Mapping) else ""


def _ends_safely(file: Mapping[str, Any]) -> bool:
    return str(file.get("name", "")).lower().endswith(".safetensors")


def read_card(model: Mapping[str, Any], version: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the API says of a version, without its file, in the shape of a card."""
    creator = model.get("creator")
    images = _many(version.get("images"))
    prompts = [str(_meta(image).get("prompt") or "") for image in images]
    return {
        "source": "civitai",
        "source_id": str(version.get("id") or ""),
        "model_id": model.get("id"),
        "title": str(model.get("name") or ""),
        "description": f"{model.get('description') or ''}\n{version.get('description') or ''}",
        "tags": [tag for tag in model.get("tags") or [] if isinstance(tag, str)],
        "trigger_words": [w for w in version.get("trainedWords") or [] if isinstance(w, str)],
        "base_model": str(version.get("baseModel") or ""),
        "example_prompts": [prompt for prompt in prompts if prompt],
        "example_weights": _weights(images, version.get("id")),
        "images": [str(image.get("url")) for image in images if _is_fit(image)][:8],
        "nsfw": is_unsafe(model, version),
        "poi": bool(model.get("poi")),
        "creator": str(creator.get("username") or "") if isinstance(creator, Mapping) else "",
        "licence": {key: model[key] for key in model if str(key).startswith("allow")},
    }


def is_unsafe(model: Mapping[str, Any], version: Mapping[str, Any]) -> bool:
    """Whether Civitai calls it unsafe: by its flag, or as no image of it is fit for all."""
    level = version.get("nsfwLevel") or model.get("nsfwLevel") or 0
    return bool(model.get("nsfw")) or (
        isinstance(level, int) and level > 0 and not level & _FIT_FOR_ALL
    )


def _is_fit(image: Mapping[str, Any]) -> bool:
    level = image.get("nsfwLevel", 0)
    return image.get("type", "image") == "image" and isinstance(level, int) and level <= 2


def _weights(images: Sequence[Mapping[str, Any]], version_id: object) -> list[float]:
    """The weights that the version's own example images were made with."""
    used = [used for image in images for used in _many(_meta(image).get("civitaiResources"))]
    return [
        float(one["weight"])
        for one in used
        if one.get("modelVersionId") == version_id and isinstance(one.get("weight"), int | float)
    ]


def _meta(image: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = image.get("meta")
    return meta if isinstance(meta, Mapping) else {}


def _many(value: object) -> list[Mapping[str, Any]]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, Mapping)]
