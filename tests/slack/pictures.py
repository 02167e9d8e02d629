"""`make pictures`: real answers of this program as Slack shows them, into docs/.

The app is the real one on the loopback Slack, engine and renderer are real processes on the
built-in checkpoint; the npm package slack-blocks-to-jsx draws the blocks in a headless Chromium.
"""

import asyncio
import base64
import io
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

from bot.benchmarks.loopback_slack.people import serve_slack
from bot.benchmarks.loopback_slack.workspace import ANN, ART
from bot.workforce import temporary_workers
from engine.configuration import load_settings
from engine.desk import open_desk
from engine.library.librarian import open_library
from engine.retrieving.embedder import load_embedder
from engine.settings import Settings
from engine.storage.schema import migrate
from engine.values import Asker, Phase
from tests.slack.conftest import Workspace, start

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
PROMPT = "a yellow star on a starry night sky"
CHROMIUM = "/usr/bin/chromium"
PACKAGES = ("slack-blocks-to-jsx@1.1.1", "react@18.3.1", "react-dom@18.3.1")
WIDTH, HEIGHT, MARGIN = 700, 2000, 16
#: Makes all later requests fail: settings of yesterday may name what a library has no more.
WITHOUT_SCHEDULER = (
    """
    create function stylus.outdated() returns trigger language plpgsql as $$ begin
        new.sampling = jsonb_set(new.sampling, '{scheduler}', '"EulerMaruyama"'); return new;
    end $$
    """,
    """
    create trigger outdated before insert on stylus.requests
    for each row execute function stylus.outdated()
    """,
)


class Camera:
    """Draws messages; needs npm once and Chromium each time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", *PACKAGES]
        subprocess.run(npm, cwd=folder, check=True)

    def shoot(self, name: str, blocks: list[Any], images: list[bytes]) -> None:
        """Writes docs/slack-NAME.png."""
        shown = [f"data:image/png;base64,{base64.b64encode(one).decode()}" for one in images]
        face = "data:image/svg+xml," + FACE
        content = {"blocks": blocks, "images": shown, "name": "Stylus", "face": face}
        told = self._folder / f"{name}.json"
        told.write_text(json.dumps(content), encoding="utf-8")
        page = subprocess.run(
            ["node", str(HERE / "pictures.cjs"), str(told)],
            env=os.environ | {"NODE_PATH": str(self._folder / "node_modules")},
            text=True,
            capture_output=True,
            check=True,
        ).stdout
        html, png = self._folder / f"{name}.html", self._folder / f"{name}.png"
        html.write_text(page, encoding="utf-8")
        chromium = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        window = [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={png}", html.as_uri()]
        subprocess.run([*chromium, *window], check=True, capture_output=True)
        path = DOCS / f"slack-{name}.png"
        trimmed(png.read_bytes()).save(path, optimize=True)
        print(path)  # noqa: T201  that is what the command is for


FACE = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 36 36'>"
    "<rect width='36' height='36' rx='6' fill='%234f7cac'/>"
    "<text x='18' y='25' font-size='20' text-anchor='middle' fill='white'>S</text></svg>"
)


def trimmed(png: bytes) -> Image.Image:
    """Returns the picture without the white below and beside it."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    white = Image.new("RGB", image.size, "white")
    box = ImageChops.difference(image, white).getbbox() or (0, 0, WIDTH, HEIGHT)
    return image.crop((0, 0, min(box[2] + MARGIN, WIDTH), min(box[3] + MARGIN, HEIGHT)))


async def take_all(settings: Settings, camera: Camera) -> None:
    """Takes every picture."""
    async with open_library(settings, Asker("console")) as library:
        await library.fill_builtin(load_embedder())
    async with (
        serve_slack() as slack,
        open_desk(settings) as desk,
        temporary_workers(desk, print),
    ):
        workspace = Workspace(slack, desk, *await start(slack, desk))
        try:
            await take_answer(workspace, camera)
            await take_why(workspace, camera)
            await take_failure(workspace, camera)
            await take_home(workspace, camera)
        finally:
            await workspace.settled()
            await workspace.handler.close_async()  # type: ignore[no-untyped-call]


async def take_answer(workspace: Workspace, camera: Camera) -> None:
    """The request under way, then its answer with its images."""
    request = await workspace.prompt(f"{PROMPT} --images 4 --seed 7")
    board = workspace.app.board
    async for progress in workspace.desk.follow(request.id):
        if progress.phase is Phase.RENDERING and progress.step > 4:
            board._steps[request.id] = progress  # what the board hears while it runs
            await board.refresh()
            break
    camera.shoot("running", workspace.root["blocks"], [])
    async for _ in workspace.desk.follow(request.id):
        pass
    await workspace.deliver()
    (shared,) = [m for m in workspace.slack.messages(ART) if "files" in m]
    images = [workspace.slack.files[file["id"]]["content"] for file in shared["files"]]
    camera.shoot("answer", workspace.root["blocks"], images)


async def take_why(workspace: Workspace, camera: Camera) -> None:
    """Why the adapters of the last answer were chosen."""
    request = await workspace.newest()
    await workspace.slack.click(f"stylus:why:{request.id}", workspace.root, ANN)
    await workspace.settled()
    camera.shoot("why", workspace.slack.whispers[-1]["blocks"], [])


async def take_failure(workspace: Workspace, camera: Camera) -> None:
    """A request that ends without images, with its sentence and Retry."""
    async with workspace.desk.database.transaction() as connection:
        for statement in WITHOUT_SCHEDULER:
            await connection.exec_driver_sql(statement)
    request = await workspace.prompt("a blue heart")
    async for _ in workspace.desk.follow(request.id):
        pass
    await workspace.deliver()
    camera.shoot("failure", workspace.root["blocks"], [])


async def take_home(workspace: Workspace, camera: Camera) -> None:
    """The app's Home of somebody who has asked for images."""
    await workspace.slack.event({"type": "app_home_opened", "user": ANN, "tab": "home"})
    await workspace.settled()
    blocks = workspace.slack.homes[ANN]["blocks"]
    camera.shoot("home", [with_images(block, workspace) for block in blocks], [])


def with_images(value: Any, workspace: Workspace) -> Any:
    """Returns blocks whose uploaded images stand in them: nobody serves Slack's files here."""
    if isinstance(value, list):
        return [with_images(one, workspace) for one in value]
    if not isinstance(value, dict):
        return value
    shown = {name: with_images(one, workspace) for name, one in value.items()}
    if file := shown.pop("slack_file", None):
        content = base64.b64encode(workspace.slack.files[file["id"]]["content"]).decode()
        shown["image_url"] = f"data:image/png;base64,{content}"
    return shown


def main() -> None:
    """Runs in a home of its own, which is removed afterwards."""
    for name in [name for name in os.environ if name.startswith("STYLUS_")]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="stylus-pictures-"))
    home.chmod(0o755)
    os.environ["STYLUS_HOME"] = str(home)
    try:
        settings = load_settings()
        migrate(settings)
        folder = home / "camera"
        folder.mkdir()
        asyncio.run(take_all(settings, Camera(folder)))
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
