"""Civitai and Hugging Face on the loopback, in the shapes of their real APIs.

The API and the files have two names for one machine, as with the real ones: the file is behind
a redirect to a signed URL on another host, which takes no login.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from engine.settings import Library

CONTENT = bytes(range(256)) * 512
SHA = sha256(CONTENT).hexdigest()
TOKEN = "canary-token-of-an-account"


def model(**changes: Any) -> dict[str, Any]:
    """Returns `GET /api/v1/models/11`, without its versions."""
    return {
        "id": 11,
        "name": "Neon Nights",
        "description": '<p>Draws <strong>neon</strong> signs.</p><a href="https://x.y">me</a>',
        "type": "LORA",
        "poi": False,
        "nsfw": False,
        "nsfwLevel": 31,
        "tags": ["neon", "style"],
        "creator": {"username": "mira", "image": None},
        "allowNoCredit": False,
        "allowCommercialUse": ["Image"],
        "allowDerivatives": True,
    } | changes


def version(**changes: Any) -> dict[str, Any]:
    """Returns `GET /api/v1/model-versions/22`."""
    prompt = "a city at night, neonight <lora:neon:0.7>"
    meta = {"prompt": prompt, "civitaiResources": [{"modelVersionId": 22, "weight": 0.9}]}
    return {
        "id": 22,
        "modelId": 11,
        "name": "v2",
        "description": "<p>Sharper.</p>",
        "baseModel": "Pony",
        "trainedWords": ["neonight", "glowing sign"],
        "nsfwLevel": 3,
        "availability": "Public",
        "model": {"name": "Neon Nights", "type": "LORA", "nsfw": False, "poi": False},
        "files": [
            {"id": 1, "name": "training.zip", "type": "Training Data", "primary": False},
            {
                "id": 2,
                "name": "neon_nights.safetensors",
                "sizeKB": len(CONTENT) / 1024,
                "type": "Model",
                "primary": True,
                "metadata": {"format": "SafeTensor", "fp": "fp16"},
                "virusScanResult": "Success",
                "hashes": {"AutoV2": SHA[:10].upper(), "SHA256": SHA.upper()},
            },
        ],
        "images": [
            {"url": "https://image.civitai.com/a.jpeg", "nsfwLevel": 1, "meta": meta},
            {"url": "https://image.civitai.com/b.jpeg", "nsfwLevel": 16, "meta": None},
        ],
    } | changes


def repo(**changes: Any) -> dict[str, Any]:
    """Returns `GET /api/models/mira/neon-nights?blobs=true`."""
    lfs = {"sha256": SHA, "size": len(CONTENT), "pointerSize": 134}
    return {
        "id": "mira/neon-nights",
        "author": "mira",
        "sha": "f" * 40,
        "gated": False,
        "tags": ["diffusers", "lora", "neon", "license:openrail", "region:us"],
        "cardData": {
            "license": "openrail",
            "base_model": "stabilityai/stable-diffusion-xl-base-1.0",
            "instance_prompt": "neonight",
            "widget": [{"text": "a city, neonight", "output": {"url": "a.png"}}],
        },
        "siblings": [
            {"rfilename": "README.md", "size": 100, "blobId": "1"},
            {"rfilename": "neon.safetensors", "size": len(CONTENT), "blobId": "2", "lfs": lfs},
        ],
    } | changes


README = "---\nlicense: openrail\n---\n# Neon nights\n\nDraws **neon** signs.\n"


class LoopbackSources:
    """Both APIs and their storage; tests change the documents before they ask."""

    def __init__(self) -> None:
        self.port = 0
        self.model, self.version, self.repo = model(), version(), repo()
        #: The model's versions, the newest first; by default the one.
        self.versions: list[dict[str, Any]] = []
        self.content = CONTENT
        #: What downloads answer instead of a redirect: a status and a text.
        self.instead: tuple[int, str] | None = None
        #: Path and headers of every request.
        self.asked: list[tuple[str, dict[str, str]]] = []

    @property
    def library(self) -> Library:
        """Settings that lead here; storage is another host, which nobody may name."""
        return Library(
            civitai_url=f"http://127.0.0.1:{self.port}",
            huggingface_url=f"http://127.0.0.2:{self.port}",
            hosts=(),
            storage_hosts=("localhost",),
            private_hosts=True,
            civitai_token=SecretStr(TOKEN),
            huggingface_token=SecretStr(TOKEN),
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, dict(request.headers)))
        answer = self._answer(request)
        return answer if isinstance(answer, web.Response) else _json(answer)

    def _answer(self, request: web.Request) -> Any:
        path = request.path
        if path == "/signed":
            fine = request.query.get("signature") == "s" and "Authorization" not in request.headers
            return web.Response(body=self.content) if fine else web.Response(status=403)
        documents = {
            "/api/v1/models/11": self.model | {"modelVersions": self.versions or [self.version]},
            "/api/v1/model-versions/22": self.version,
            f"/api/v1/model-versions/by-hash/{SHA}": self.version,
            "/api/models/mira/neon-nights": self.repo,
        }
        if path in documents:
            return documents[path]
        if path == "/mira/neon-nights/raw/main/README.md":
            return web.Response(text=README)
        files = ("/api/download/models/22", "/mira/neon-nights/resolve/main/neon.safetensors")
        if path in files:
            return self._redirected()
        return web.Response(status=404, text='{"error": "not found"}')

    def _redirected(self) -> web.Response:
        if self.instead:
            status, text = self.instead
            headers = {"Location": text} if status == 307 else {}
            return web.Response(status=status, body=text.encode(), headers=headers)
        signed = f"http://localhost:{self.port}/signed?signature=s"
        return web.Response(status=307, headers={"Location": signed})


def _json(document: Any) -> web.Response:
    return web.Response(text=json.dumps(document), content_type="application/json")


@asynccontextmanager
async def serve_sources() -> AsyncIterator[LoopbackSources]:
    """Runs it on a port of its own, under three names."""
    sources = LoopbackSources()
    app = web.Application()
    app.router.add_get("/{path:.*}", sources.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "0.0.0.0", 0).start()
        sources.port = runner.addresses[0][1]
        for file in sources.version["files"]:
            file["downloadUrl"] = f"{sources.library.civitai_url}/api/download/models/22"
        yield sources
    finally:
        await runner.cleanup()
