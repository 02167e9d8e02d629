"""`stylus bench NAME`: measurements, slow ones too; record them in BENCHMARKS.md."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bot.benchmarks import (
    command,
    compose,
    formats,
    gpu,
    hostile,
    idle,
    injections,
    library,
    masks,
    path,
    renderer,
    retrieve,
)
from bot.benchmarks.real_size import Family, RealSize
from bot.command_line.common import Json, news_console, settings_for_command
from bot.command_line.figures import report

Turns = Annotated[int, typer.Option(min=1, max=1000, help="How often.")]
Requests = Annotated[int, typer.Option(min=1, max=10_000, help="How many requests.")]
Model = Annotated[
    Family | None, typer.Option(help="A model of real size with random weights and adapters.")
]
Side = Annotated[int | None, typer.Option(min=64, max=2048, help="Pixels of that model's images.")]
Steps = Annotated[int, typer.Option(min=2, max=150, help="Steps of that model.")]


def _real_size(model: Family | None, side: int | None, steps: int) -> RealSize | None:
    return None if model is None else RealSize(model, side, steps)


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    bench = typer.Typer(help="Measure something and hold it against its goal.")
    for name, measurement in BENCHMARKS.items():
        bench.command(name)(measurement)
    app.add_typer(bench, name="bench")


def bench_path(requests: Requests = 30, as_json: Json = False) -> None:
    """Where a request's time goes, stage by stage, with processes running."""
    settings = settings_for_command()
    measuring = path.measure(settings, requests, news_console().print)
    report("path", measuring, settings.renderer.device, as_json)


def bench_command(requests: Requests = 5, as_json: Json = False) -> None:
    """The command as people wait for it: by the clock, with and without processes running."""
    settings = settings_for_command()
    measuring = command.measure(settings, requests, news_console().print)
    report("command", measuring, settings.renderer.device, as_json)


def bench_idle(
    seconds: Annotated[int, typer.Option(min=5, max=3600, help="How long.")] = 30,
    as_json: Json = False,
) -> None:
    """What the processes cost while nobody asks for anything."""
    settings = settings_for_command()
    measuring = idle.measure(settings, seconds, news_console().print)
    report("idle", measuring, settings.renderer.device, as_json)


def bench_library(
    requests: Requests = 100,
    rows: Annotated[int, typer.Option(min=500, max=1_000_000, help="Adapters.")] = 100_000,
    as_json: Json = False,
) -> None:
    """What looking after a large catalogue costs, and checking a file of 1 GB."""
    settings = settings_for_command()
    report(
        "library", library.measure(settings, requests, rows, news_console().print), "cpu", as_json
    )


def bench_retrieve(
    requests: Requests = 30,
    rows: Annotated[int, typer.Option(min=1000, max=10**7, help="Adapters to search.")] = 100_000,
    cards: Annotated[Path | None, typer.Option(help="Cards to make those from.")] = None,
    as_json: Json = False,
) -> None:
    """How fast a large catalogue is searched, beside the paper's way."""
    settings = settings_for_command()
    measuring = retrieve.measure(settings, requests, rows, cards, news_console().print)
    report("retrieve", measuring, "cpu", as_json)


def bench_masks(
    turns: Turns = 5,
    model: Model = None,
    side: Side = None,
    steps: Steps = 30,
    as_json: Json = False,
) -> None:
    """An adapter set for each image in one batch, beside a plain batch and beside PEFT."""
    settings = settings_for_command()
    measuring = masks.measure(settings, _real_size(model, side, steps), turns, news_console().print)
    report("masks", measuring, settings.renderer.device, as_json)


def bench_fidelity(
    sheet: Annotated[Path | None, typer.Option(help="Write the pictures into this PNG.")] = None,
    model: Model = None,
    side: Side = None,
    steps: Steps = 30,
    as_json: Json = False,
) -> None:
    """Images of one batch against PEFT's, in single and in half precision."""
    settings = settings_for_command()
    real = _real_size(model, side, steps)
    measuring = masks.fidelity(settings, real, sheet, news_console().print)
    report("fidelity", measuring, settings.renderer.device, as_json)


def bench_gpu(
    model: Model = None,
    turns: Turns = 3,
    side: Side = None,
    steps: Steps = 30,
    as_json: Json = False,
) -> None:
    """All figures that want a GPU, one after the other, for both families or for one."""
    settings = settings_for_command()
    sizes = [RealSize(one, side, steps) for one in Family if model in (None, one)]
    measuring = gpu.measure(settings, sizes, turns, news_console().print)
    report("gpu", measuring, settings.renderer.device, as_json)


def bench_compile(
    backend: Annotated[str, typer.Option(help="torch's, such as eager or inductor.")] = "eager",
    as_json: Json = False,
) -> None:
    """What torch.compile would cost and gain, over batches with different adapters."""
    settings = settings_for_command()
    measuring = masks.compiled(settings, backend, news_console().print)
    report("compile", measuring, settings.renderer.device, as_json)


def bench_formats(
    keys: Annotated[Path, typer.Option(help="Folder with lists of tensor names, as JSON.")],
    as_json: Json = False,
) -> None:
    """Adapter files of other people: loaded, or refused by name."""
    settings_for_command()
    report("formats", formats.measure(keys, news_console().print), "cpu", as_json)


def bench_hostile(as_json: Json = False) -> None:
    """Hostile LoRA files and pictures: what each of them gets, and what that costs."""
    settings = settings_for_command()
    report("hostile", hostile.measure(settings, partial(typer.echo, err=True)), "cpu", as_json)


def bench_renderer(
    images: Annotated[int, typer.Option(min=1, max=16, help="Images a request.")] = 1,
    turns: Turns = 3,
    model: Model = None,
    side: Side = None,
    steps: Steps = 30,
    as_json: Json = False,
) -> None:
    """Requests of eight people at once, against one at a time."""
    settings = settings_for_command()
    real = _real_size(model, side, steps)
    measuring = renderer.measure(settings, real, images, turns, news_console().print)
    report("renderer", measuring, settings.renderer.device, as_json)


def bench_discord(requests: Requests = 200, as_json: Json = False) -> None:
    """Forty people ask the Discord bot, fifty interactions in flight."""
    from bot.benchmarks import discord

    settings = settings_for_command()
    measuring = discord.measure(settings, requests, news_console().print)
    report("discord", measuring, settings.renderer.device, as_json)


def bench_slack(requests: Requests = 200, as_json: Json = False) -> None:
    """Forty people ask the Slack app, fifty commands in flight."""
    from bot.benchmarks import slack

    settings = settings_for_command()
    measuring = slack.measure(settings, requests, news_console().print)
    report("slack", measuring, settings.renderer.device, as_json)


def bench_scale(
    requests: Requests = 200,
    renderers: Annotated[str, typer.Option(help="Numbers of renderers.")] = "1,4,16,64",
    seconds: Annotated[float, typer.Option(min=0.01, max=60, help="What one takes.")] = 0.5,
    as_json: Json = False,
) -> None:
    """Up to many renderers and waiting requests: throughput, overhead, fairness, estimates."""
    from bot.benchmarks import scale

    settings = settings_for_command()
    counts = [int(one) for one in renderers.split(",")]
    measuring = scale.measure(settings, counts, requests, seconds, news_console().print)
    report("scale", measuring, "simulated", as_json)


def bench_recovery(
    times: Annotated[int, typer.Option(min=1, max=100, help="Renderers to kill.")] = 5,
    as_json: Json = False,
) -> None:
    """How soon the work of a killed renderer is taken up by another."""
    from bot.benchmarks import recovery

    settings = settings_for_command()
    measuring = recovery.measure(settings, times, news_console().print)
    report("recovery", measuring, settings.renderer.device, as_json)


def bench_builtin(
    prompts: Annotated[int, typer.Option(min=20, max=10_000, help="How many prompts.")] = 500,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Of one thread each.")] = 2,
    as_json: Json = False,
) -> None:
    """What the built-in checkpoint and its adapters draw, read by their own instrument."""
    from engine.builtin import bench  # loads torch, which takes seconds

    tell = news_console().print
    measuring = asyncio.to_thread(bench.measure, bench.Subject(prompts), processes, tell)
    report("builtin", measuring, "cpu", as_json)


def bench_compose(
    requests: Requests = 100,
    rows: Annotated[int, typer.Option(min=1000, max=10**7, help="Adapters to search.")] = 5000,
    cards: Annotated[Path | None, typer.Option(help="Cards to make those from.")] = None,
    as_json: Json = False,
) -> None:
    """How long composing takes, and how much a language model would read."""
    settings = settings_for_command()
    measuring = compose.measure(settings, requests, rows, cards, news_console().print)
    report("compose", measuring, "cpu", as_json)


def bench_injections(
    texts: Annotated[Path, typer.Option(help="Hostile card texts, JSONL with name and text.")],
    as_json: Json = False,
) -> None:
    """Whether hostile cards get anything through, with a model that obeys all it reads."""
    report("injections", injections.measure(settings_for_command(), texts), "cpu", as_json)


#: Name on the command line -> what measures it.
BENCHMARKS: dict[str, Callable[..., None]] = {
    "path": bench_path,
    "command": bench_command,
    "idle": bench_idle,
    "library": bench_library,
    "retrieve": bench_retrieve,
    "compose": bench_compose,
    "injections": bench_injections,
    "masks": bench_masks,
    "fidelity": bench_fidelity,
    "gpu": bench_gpu,
    "compile": bench_compile,
    "formats": bench_formats,
    "hostile": bench_hostile,
    "renderer": bench_renderer,
    "discord": bench_discord,
    "slack": bench_slack,
    "scale": bench_scale,
    "recovery": bench_recovery,
    "builtin": bench_builtin,
}
