"""References: what people write to name a LoRA, read into which source it means.

A page of Civitai or Hugging Face, a download address of theirs, an AIR (Civitai's resource name,
https://developer.civitai.com/docs/getting-started/ai-resource-identifier), or any other URL.
"""

import re
from dataclasses import dataclass

from yarl import URL

from engine.errors import BadUrl
from engine.settings import Library

_AIR = re.compile(
    r"^(?:urn:)?air:(?P<base>[\w-]+):(?P<type>[\w-]+):(?P<source>\w+):"
    r"(?P<id>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<version>[\w.-]+))?(?:\.\w+)?$",
    re.IGNORECASE,
)
_AIR_LORAS = {"lora", "locon", "dora"}
_REPO = re.compile(r"^[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}$")


@dataclass(frozen=True, slots=True)
class CivitaiFile:
    """A version of a model on Civitai: by its number, else by its file, else the newest."""

    model: int | None = None
    version: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class HuggingFaceFile:
    """A file of a repository on Hugging Face; its only LoRA where no file is named."""

    repo: str
    file: str | None = None
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class PlainFile:
    """A file behind a URL, of which nothing else is known."""

    url: str


Reference = CivitaiFile | HuggingFaceFile | PlainFile


def read_reference(text: str, library: Library) -> Reference:
    """Returns what the text names. Raises `BadUrl` for what is no address and no AIR."""
    text = text.strip().strip("<>")
    air = _AIR.match(text)
    if air:
        return _of_air(text, air)
    try:
        url = URL(text)
    except ValueError as error:
        raise BadUrl(f"“{text[:80]}” is not a URL.") from error
    if url.user or url.password:
        return PlainFile(text)  # refused with its own sentence, without showing the secret
    if _is_at(url, library.civitai_url):
        return _of_civitai(url)
    if _is_at(url, library.huggingface_url) or url.host == "hf.co":
        return _of_hugging_face(url)
    return PlainFile(text)


def _is_at(url: URL, base: str) -> bool:
    home = URL(base)
    return url.host in (home.host, f"www.{home.host}") and url.port == home.port


def _of_air(text: str, air: re.Match[str]) -> Reference:
    if air["type"].lower() not in _AIR_LORAS:
        raise BadUrl(f"“{text[:80]}” names a {air['type']}; only LoRAs can be added.")
    source, id_, version = air["source"].lower(), air["id"], air["version"]
    if source == "civitai" and id_.isdecimal() and (version is None or version.isdecimal()):
        return CivitaiFile(int(id_), int(version) if version else None)
    if source == "huggingface" and _REPO.match(id_):
        return HuggingFaceFile(id_, revision=version or "main")
    raise BadUrl(f"“{text[:80]}” names no LoRA of Civitai or Hugging Face; give its page's URL.")


def _of_civitai(url: URL) -> Reference:
    parts = [part for part in url.path.split("/") if part]
    chosen = url.query.get("modelVersionId", "")
    match parts:
        case ["models", model, *_] if model.isdecimal():
            return CivitaiFile(int(model), int(chosen) if chosen.isdecimal() else None)
        case ["models", both] if re.fullmatch(r"\d+@\d+", both):
            model, version = both.split("@")
            return CivitaiFile(int(model), int(version))
        case ["model-versions", version] if version.isdecimal():
            return CivitaiFile(None, int(version))
        case ["api", "download", "models", version] if version.isdecimal():
            return CivitaiFile(None, int(version))
        case ["api", "v1", "model-versions", version] if version.isdecimal():
            return CivitaiFile(None, int(version))
    return PlainFile(str(url))


def _of_hugging_face(url: URL) -> Reference:
    parts = [part for part in url.path.split("/") if part]
    repo = "/".join(parts[:2])
    if not _REPO.match(repo) or parts[0] in ("datasets", "spaces", "api"):
        raise BadUrl(f"“{str(url)[:80]}” is no model's page on Hugging Face; give one that is.")
    match parts[2:]:
        case []:
            return HuggingFaceFile(repo)
        case ["blob" | "resolve" | "raw", revision, *rest] if rest:
            return HuggingFaceFile(repo, "/".join(rest), revision)
        case ["tree", revision]:
            return HuggingFaceFile(repo, revision=revision)
    raise BadUrl(f"“{str(url)[:80]}” is no file's page on Hugging Face; give one that is.")


def text_of(reference: Reference, library: Library) -> str:
    """Returns the page that shows it, which `read_reference` reads back."""
    if isinstance(reference, PlainFile):
        return reference.url
    if isinstance(reference, CivitaiFile):
        base = library.civitai_url.rstrip("/")
        if reference.model is None:
            return f"{base}/model-versions/{reference.version}"
        version = f"?modelVersionId={reference.version}" if reference.version else ""
        return f"{base}/models/{reference.model}{version}"
    page = f"{library.huggingface_url.rstrip('/')}/{reference.repo}"
    if reference.file:
        return f"{page}/blob/{reference.revision}/{reference.file}"
    return page if reference.revision == "main" else f"{page}/tree/{reference.revision}"
