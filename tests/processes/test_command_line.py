"""The command line contract: one JSON document, one sentence an error, exit codes 0, 1, 2."""

import asyncio
import getpass
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bot.command_line import run
from engine.storage.schema import migrate, newest_revision
from tests.loopback_files import serve_files
from tests.processes.installation import PROMPT, Installation, make_lora

ANSWER_KEYS = {
    "request_id", "prompt", "composer", "degraded", "tasks", "images", "skipped", "timings",
}  # fmt: skip
TIMING_KEYS = {"queued", "retrieve", "compose", "load", "render", "total"}


def document(installation: Installation, *arguments: str) -> dict[str, Any]:
    """Runs a command that must succeed and returns its one document."""
    done = installation.run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_prompt_writes_files_and_prints_the_contract(running: Installation, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = document(running, "prompt", PROMPT, "--images", "2", "--steps", "2", "--out", str(out))
    assert found.keys() >= ANSWER_KEYS
    assert found["timings"].keys() == TIMING_KEYS
    assert [task["keyword"] for task in found["tasks"]] == ["red star", "neon glow"]
    chosen = found["tasks"][0]["adapters"][0]
    assert chosen.keys() >= {"id", "source", "source_id", "title", "weight", "score", "reason"}
    for image in found["images"]:
        content = Path(image["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == image["sha256"]
        with Image.open(image["path"]) as opened:
            assert opened.size == (image["width"], image["height"]) == (128, 128)
    assert len(list(out.iterdir())) == 3  # two images and the contact sheet
    shown = document(running, "show", found["request_id"])
    assert shown["tasks"] == found["tasks"]
    assert shown["images"][0]["sha256"] == found["images"][0]["sha256"]


def test_prompt_shows_people_the_breakdown(running: Installation, tmp_path: Path) -> None:
    done = running.run("prompt", PROMPT, "--steps", "2", "--images", "2", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    for words in ("red star", "Big star", "neon glow", "0.80", "off", "seconds: ", ".png"):
        assert words in done.stdout
    assert re.search("step [12] of 2", done.stderr)


def test_a_duel_of_two_settings_is_blind_and_voted_on(
    running: Installation, tmp_path: Path
) -> None:
    done = running.run("duel", PROMPT, "--against", "half", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "One has adapters at full weight, one at half" in done.stdout
    assert "Big star" not in done.stdout
    files = sorted(tmp_path.glob("*-[01].png"))
    recipes = [b"iTXt" in file.read_bytes() for file in files]
    assert recipes == [False, False], "a recipe would tell"
    request_id = files[0].name.removesuffix("-0.png")
    voted = running.run("vote", request_id, "2")
    assert "Your vote for image 2 counts. 1 of 5 votes so far" in " ".join(voted.stdout.split())


def test_an_image_is_rendered_again_from_its_file(running: Installation, tmp_path: Path) -> None:
    made = document(
        running, "prompt", PROMPT, "--images", "1", "--steps", "2", "--out", str(tmp_path)
    )
    image = made["images"][0]
    again = document(running, "prompt", "--from-image", image["path"], "--out", str(tmp_path))
    assert again["images"][0]["seed"] == image["seed"]
    assert again["images"][0]["adapters"] == image["adapters"]


def test_translate_inpaint_and_upscale(running: Installation, tmp_path: Path) -> None:
    """A picture goes in by the command line and comes out changed where it should be."""
    options = ["--seed", "3", "--images", "1", "--out", str(tmp_path / "out")]
    source, mask = tmp_path / "in.png", tmp_path / "mask.png"
    Image.linear_gradient("L").resize((128, 128)).convert("RGB").save(source)
    painted = Image.new("L", (128, 128))
    painted.paste(255, (64, 0, 128, 128))
    painted.save(mask)

    translated = document(running, "translate", str(source), PROMPT, "--steps", "4", *options)
    assert translated["kind"] == "translate"
    assert [task["keyword"] for task in translated["tasks"]] == ["red star", "neon glow"]
    with Image.open(translated["images"][0]["path"]) as image:
        assert np.abs(pixels(image) - pixels(Image.open(source))).mean() > 1

    command = ["inpaint", str(source), str(mask), PROMPT, "--steps", "2", *options]
    changed = pixels(Image.open(document(running, *command)["images"][0]["path"]))
    before = pixels(Image.open(source))
    assert np.array_equal(changed[:, :64], before[:, :64])
    assert np.abs(changed[:, 64:] - before[:, 64:]).mean() > 1

    first = translated["images"][0]
    again = document(running, "prompt", "--from-image", first["path"], "--out", str(tmp_path))
    repeated, made = (Image.open(one["path"]) for one in (again["images"][0], first))
    assert np.array_equal(pixels(repeated), pixels(made))

    large = document(running, "upscale", translated["request_id"], "0", "--out", str(tmp_path))
    image = large["images"][0]
    assert (image["width"], image["height"], image["seed"]) == (256, 256, 3)
    assert image["adapters"] == first["adapters"]
    bad = running.run("translate", str(mask.with_name("none.png")), "a star")
    assert bad.returncode == 2
    assert "none.png cannot be read" in bad.stderr


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB")).astype(int)


def test_reroll_and_vary(running: Installation, tmp_path: Path) -> None:
    options = ["--out", str(tmp_path)]
    made = document(running, "prompt", PROMPT, "--images", "2", "--steps", "2", *options)
    rerolled = document(running, "reroll", made["request_id"], *options)
    masks = [{a["id"] for a in image["adapters"]} for image in made["images"] + rerolled["images"]]
    assert len({frozenset(mask) for mask in masks}) == 4
    varied = document(running, "vary", made["request_id"], "1", *options)
    assert all({a["id"] for a in image["adapters"]} == masks[1] for image in varied["images"])


def test_retrieve_and_compose_alone_and_as_a_batch(
    at_home: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def told(*arguments: str) -> Any:
        assert run([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    found = told("retrieve", "a star", "--k", "2")
    assert {c["id"] for c in found["candidates"]} == {"test:star", "test:star2"}
    assert found["seconds"] > 0
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = [{"prompt": PROMPT, "row": 1}, {"prompt": "\u0007", "row": 2}]
    source.write_text("\n".join(map(json.dumps, lines)))
    told("compose", "--input", str(source), "--output", str(target))
    good, bad = map(json.loads, target.read_text().splitlines())
    assert (good["row"], good["composer"]) == (1, "local")
    assert [task["keyword"] for task in good["tasks"]] == ["red star", "neon glow"]
    assert bad["row"] == 2
    assert "U+0007" in bad["error"]
    assert not told("compose", "a star", "--base", "sdxl")["tasks"][0]["adapters"]


def settle_in(installation: Installation, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Commands of this process are those of the installation: starting one takes two seconds."""
    monkeypatch.chdir(folder)
    for name, value in installation.environment.items():
        if name.startswith("STYLUS_") or name == "COLUMNS":
            monkeypatch.setenv(name, value)


def test_the_library_by_commands(
    idle: Installation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One after the other in this process."""
    settle_in(idle, monkeypatch, tmp_path)

    def told(*arguments: str) -> Any:
        assert run([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    file = make_lora(tmp_path / "my.safetensors", idle.settings, seed=9)
    added = told("lora", "add", str(file), "--title", "Wavy", "--trigger", "wavy")
    assert added["base"] == "stylus-small"
    assert added["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert told("lora", "show", added["id"])["title"] == "Wavy"
    listed = told("lora", "search", "wavy")
    assert listed[0]["id"] == added["id"]
    assert told("lora", "disable", added["id"])["status"] == "disabled"
    composed = told("compose", "wavy")
    assert not composed["tasks"][0]["adapters"]
    told("lora", "enable", added["id"])
    assert told("compose", "wavy")["tasks"][0]["adapters"][0]["id"] == added["id"]
    told("lora", "remove", added["id"])
    log = told("audit")
    assert [one["details"] for one in log] == [
        {added["id"]: [was, now]}
        for was, now in (
            ("active", "removed"),
            ("disabled", "active"),
            ("active", "disabled"),
            ("", "active"),
        )
    ]
    assert {one["user"] for one in log} == {getpass.getuser()}
    assert run(["lora", "show", added["id"]]) == 2
    beside = {"title": "Waves", "trigger_words": ["waves"], "base_model": "Made for a toy"}
    file.with_suffix(".json").write_text(json.dumps(beside))
    again = told("lora", "add", str(tmp_path))
    assert [(one["id"], one["title"], one["status"], one["lineage"]) for one in again] == [
        (added["id"], "Waves", "active", "Made for a toy")
    ], "a folder, with what lies beside; also what was removed before"
    cards = tmp_path / "cards.jsonl"
    cards.write_text(json.dumps({"source": "x", "source_id": "1", "title": "A kite"}) + "\n")
    for fresh in (1, 0):
        counts = {"cards": 1, "new": fresh, "removed": 0, "embedded": fresh}
        assert told("lora", "import", str(cards)) == counts


async def test_a_lora_is_added_from_a_url(
    idle: Installation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Fetched from where it is allowed, checked, pinned, and found by prompts at once."""
    settle_in(idle, monkeypatch, tmp_path)

    async def told(code: int, *arguments: str) -> Any:
        assert await asyncio.to_thread(run, [*arguments, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    file = make_lora(tmp_path / "waves.safetensors", idle.settings, seed=11)
    content = file.read_bytes()
    async with serve_files() as server:
        server.contents["/waves.safetensors"] = content
        url = f"{server.url}/waves.safetensors"
        assert "is not an https URL" in (await told(2, "lora", "add", url))["error"]
        assert server.asked == []
        monkeypatch.setenv("STYLUS_LIBRARY__PRIVATE_HOSTS", "true")
        monkeypatch.setenv("STYLUS_LIBRARY__HOSTS", '["127.0.0.1"]')
        added = await told(0, "lora", "add", url, "--trigger", "wavy")
        page = await told(1, "lora", "add", f"{server.url}/page")
    assert (added["title"], added["link"]) == ("waves", url)
    assert added["sha256"] == hashlib.sha256(content).hexdigest()
    same = await told(2, "lora", "add", str(file))
    assert f"already, as “waves” ({added['id']})" in same["error"]
    assert "sent a web page instead" in page["error"]
    composed = await told(0, "compose", "wavy")
    assert composed["tasks"][0]["adapters"][0]["id"] == added["id"]


def test_temporary_workers_come_and_go(idle: Installation, tmp_path: Path) -> None:
    found = document(
        idle, "prompt", PROMPT, "--steps", "2", "--images", "1", "--out", str(tmp_path)
    )
    assert len(found["images"]) == 1
    assert not document(idle, "status")["workers"]


def test_doctor_tells_every_part(running: Installation) -> None:
    parts = {f["part"]: f["state"] for f in document(running, "doctor")["findings"]}
    expected = {
        "home", "database", "schema", "catalogue", "engine", "renderer", "embedder",
        "checkpoint", "safety", "storage", "composer", "discord", "slack",
    }  # fmt: skip
    assert parts.keys() == expected
    assert set(parts.values()) == {"ok"}
    half = running.run("doctor", "--json", STYLUS_SLACK__TOKEN="xoxb-canary")
    assert "canary" not in half.stdout
    found = {f["part"]: f for f in json.loads(half.stdout)["findings"]}["slack"]
    assert found["state"] == "broken"
    assert "STYLUS_SLACK__APP_TOKEN" in found["says"]


BAD = [
    (["prompt", ""], "prompt is empty"),
    (["prompt", "x" * 10_000], "10000 characters; at most 2000"),
    (["prompt", "a\x1bstar"], r"U+001B"),
    (["prompt", "a star", "--images", "0"], "images is 0; it may be 1 to 8"),
    (["prompt", "a star", "--images", "100"], "images is 100; it may be 1 to 8"),
    (["prompt", "a star", "--size", "100x128"], "width is 100; it may be a multiple of 64"),
    (["prompt", "a star", "--size", "big"], "“big” is no size; write it as 512x512"),
    (["prompt", "a star", "--seed", "-1"], "seed is -1"),
    (["prompt", "a star", "--pin", "no:such"], "no adapter “no:such”"),
    (["prompt", "a star", "--weight", "test:star=9"], "weight of test:star is 9"),
    (["prompt", "a star", "--checkpoint", "x"], "no checkpoint “x”"),
    (["prompt", "a star", "--composer", "llm"], "set llm.base_url and llm.model"),
    (["prompt", "--from-image", "/nowhere.png"], "nowhere.png"),
    (["prompt"], "either a prompt or --from-image"),
    (["show", "nothing"], "no request “nothing”"),
    (["reroll", "nothing"], "no request “nothing”"),
    (["lora", "import", "/nowhere.jsonl"], "/nowhere.jsonl cannot be read"),
    (["lora", "add", "/nowhere.safetensors"], "/nowhere.safetensors cannot be read"),
    (["retrieve", "x", "--k", "0"], "--k is 0"),
    (["nonsense"], "nonsense"),
]


@pytest.fixture
def at_home(
    running: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> pytest.MonkeyPatch:
    settle_in(running, monkeypatch, tmp_path)
    return monkeypatch


@pytest.mark.parametrize(("arguments", "sentence"), BAD, ids=[" ".join(a)[:30] for a, _ in BAD])
def test_bad_input_gets_one_sentence(
    at_home: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    assert run([*arguments, "--json"]) == 2
    said = capsys.readouterr()
    assert sentence in json.loads(said.out)["error"]
    assert "Traceback" not in said.err
    assert said.err.count("\n") == 1


def test_a_process_ends_with_the_code_and_the_sentence(running: Installation) -> None:
    done = running.run("show", "nothing", "--json")
    assert done.returncode == 2, done.stderr
    assert "no request “nothing”" in json.loads(done.stdout)["error"]
    assert done.stderr.count("\n") == 1


BROKEN = [
    (
        {"STYLUS_DATABASE__URL": "postgresql://u:secret@127.0.0.1:9/x"},
        1,
        "database does not answer",
    ),
    ({"STYLUS_DATABASE__POOL": "many"}, 2, "database.pool"),
    ({"STYLUS_NONSENSE": "1"}, 2, "STYLUS_NONSENSE is not a setting"),
    ({"STYLUS_COMPOSER__DEFAULT": "llm"}, 2, "needs the setting llm.base_url"),
    ({"STYLUS_CONFIG": "/nowhere.toml"}, 2, "no configuration file /nowhere.toml"),
]


@pytest.mark.parametrize(("changes", "code", "sentence"), BROKEN)
def test_a_broken_installation_gets_one_sentence(
    at_home: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str],
    code: int,
    sentence: str,
) -> None:
    for name, value in changes.items():
        at_home.setenv(name, value)
    assert run(["prompt", "a star", "--json"]) == code
    said = capsys.readouterr()
    assert sentence in json.loads(said.out)["error"]
    assert "secret" not in said.err + said.out
    assert "Traceback" not in said.err


def test_a_missing_checkpoint_ends_the_prompt_and_leaves_nothing_open(
    idle: Installation, tmp_path: Path
) -> None:
    gone = {"STYLUS_CHECKPOINT__SOURCE": str(tmp_path / "gone")}
    done = idle.run("prompt", "a star", "--out", str(tmp_path / "out"), **gone)
    assert done.returncode == 1
    assert "gone" in done.stderr
    assert "Traceback" not in done.stderr
    assert not document(idle, "status")["open"]
    assert not list((tmp_path / "out").iterdir())


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_rendered(
    running: Installation,
) -> None:
    done = running.run("prompt", "a star", "--out", "/proc/nowhere", "--json")
    assert done.returncode == 1
    assert "cannot be written" in json.loads(done.stdout)["error"]


def test_a_disk_that_is_full_for_our_images_leaves_no_half_file(
    running: Installation, tmp_path: Path
) -> None:
    """A limit on the size of files refuses writes as a full disk does."""
    options = ["--images", "1", "--steps", "2", "--out", str(tmp_path)]
    done = running.run_limited(4096, "prompt", PROMPT, *options)
    assert done.returncode == 1
    assert "cannot be written (File too large)" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_old_schema_names_the_command(idle: Installation, blobs: Path) -> None:
    assert document(idle, "migrate")["before"] == newest_revision()
    migrate(idle.settings, "base")
    done = idle.run("prompt", "a star")
    assert done.returncode == 1
    assert "run `stylus migrate`" in done.stderr
