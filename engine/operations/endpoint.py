"""The endpoint of a process: `/metrics`, `/healthz` and `/readyz`, for whoever watches it."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from sqlalchemy import text

from engine.errors import BadSettings, DatabaseUnavailable
from engine.operations.log import get_log
from engine.operations.metrics import render_metrics
from engine.settings import Settings
from engine.storage.database import Database

log = get_log("endpoint")

#: Ports that are tried, from the set one on: several processes share a machine.
PORTS = 16
#: Prometheus' text format.
TEXT = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def serve_endpoint(settings: Settings, database: Database) -> AsyncIterator[str]:
    """Serves the endpoint and yields its address; '' where the setting is empty.

    Raises `BadSettings` where nothing can be listened at.
    """
    listen = settings.metrics.listen
    if not listen:
        yield ""
        return
    runner = web.AppRunner(_routes(settings, database), access_log=None)
    await runner.setup()
    try:
        address = await _listen(runner, listen)
        log.info("watched", address=address)
        yield address
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, listen: str) -> str:
    host, _, first = listen.rpartition(":")
    for port in range(int(first), int(first) + PORTS):
        with contextlib.suppress(OSError):
            await web.TCPSite(runner, host, port).start()
            return f"http://{host}:{port}"
    raise BadSettings(
        f"Nothing can be listened at {listen} or the {PORTS - 1} ports after it; change the "
        "setting metrics.listen."
    )


def _routes(settings: Settings, database: Database) -> web.Application:
    async def metrics(request: web.Request) -> web.Response:
        try:
            found = await render_metrics(database, settings.queue.stalled)
        except DatabaseUnavailable as error:
            return web.Response(status=503, text=f"{error}\n")
        return web.Response(body=found, headers={"Content-Type": TEXT})

    async def healthy(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(request: web.Request) -> web.Response:
        try:
            async with database.transaction() as connection:
                await connection.execute(text("select 1"))
        except DatabaseUnavailable as error:
            return web.Response(status=503, text=f"{error}\n")
        return web.Response(text="ready\n")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", healthy)
    app.router.add_get("/readyz", ready)
    return app
