"""`stylus composer ...`: the local composer's training, by published answers or one's own."""

from pathlib import Path
from typing import Annotated

import typer

from bot.benchmarks import composer as composer_benchmark
from bot.command_line.common import Json, news_console, print_document, run, settings_for_command
from bot.command_line.evaluations import Answers, Base, Cards

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def composing() -> None:
    """The local composer."""


@app.command()
def train(
    cards: Cards,
    answers: Answers,
    out: Annotated[Path, typer.Option(help="File of weights to write.")],
    base: Base = "sd15",
    members: Annotated[int, typer.Option(min=1, max=9, help="Taggers that vote.")] = 3,
    as_json: Json = False,
) -> None:
    """Train the local composer on labelled compositions; composer.weights then names the file."""
    settings, tell = settings_for_command(), news_console().print
    written = run(composer_benchmark.train(settings, cards, answers, base, members, out, tell))
    if as_json:
        print_document({"weights": str(written), "bytes": written.stat().st_size})
    else:
        typer.echo(f"{written} written; set composer.weights to use it.")


@app.command()
def learn(
    out: Annotated[Path, typer.Option(help="File of weights to write.")],
    as_json: Json = False,
) -> None:
    """Train it further on what people here liked, voted for, pinned and switched off."""
    settings = settings_for_command()
    trained = run(composer_benchmark.train_further(settings, out))
    better = trained.after >= trained.before
    if as_json:
        print_document(
            {
                "lessons": trained.lessons,
                "right_before": round(trained.before, 4),
                "right_after": round(trained.after, 4),
                "weights": str(out) if better else None,
            }
        )
        return
    typer.echo(
        f"{trained.lessons} lessons; the best card is right for {trained.before:.1%} of the words "
        f"before and for {trained.after:.1%} of those not learned from after."
    )
    if better:
        typer.echo(f"{out} written; set composer.weights to use it.")
    else:
        typer.echo("That is no better, so nothing was written; more thumbs may help.")
