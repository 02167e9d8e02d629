"""The `stylus` command line: wires the parts together and holds no logic of its own.

Every command takes `--json` and then prints one JSON document on standard output; logs and
progress go to standard error. Exit codes: 0 success, 2 bad usage or input, 1 failure.
"""

import json
import sys
from typing import NoReturn

import typer

from bot.command_line import (
    audit,
    benchmarks,
    chaos,
    composing,
    duels,
    evaluations,
    frontends,
    library,
    operations,
    requests,
    stages,
)
from engine.errors import BadInput, BadSettings, StylusError

app = typer.Typer(
    name="stylus",
    help="A prompt becomes images; the LoRA adapters for it are chosen by themselves.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (requests, duels, stages, operations, frontends, benchmarks, chaos, audit):
    part.register(app)
app.add_typer(library.app, name="lora", help="The adapter library.")
app.add_typer(composing.app, name="composer", help="The local composer.")
app.add_typer(evaluations.app, name="eval", help="How good answers are.")


def main() -> NoReturn:
    """Runs the command of `sys.argv` and exits with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit code; errors become one sentence."""
    try:
        typer.main.get_command(app).main(arguments, prog_name="stylus", standalone_mode=False)
        return 0
    except typer.TyperException as error:  # bad usage, or the help where nothing was asked
        return _complain(error.format_message(), 2, arguments)
    except (BadInput, BadSettings) as error:
        return _complain(str(error), 2, arguments)
    except StylusError as error:
        return _complain(str(error), 1, arguments)
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _complain("Stopped; `stylus show ID` still has the answer once it is made.", 1, [])
    except BrokenPipeError:
        return 1


def _complain(sentence: str, code: int, arguments: list[str]) -> int:
    typer.echo(sentence, err=True)
    if "--json" in arguments:
        typer.echo(json.dumps({"error": sentence}, ensure_ascii=False))
    return code
