"""Commands that make and measure the built-in checkpoint: `python -m engine.builtin COMMAND`."""

import argparse
from collections.abc import Callable
from pathlib import Path

from engine.builtin import CARDS, CHECKPOINT, JUDGE, LORAS

Arguments = argparse.Namespace
Parser = argparse.ArgumentParser
SHEET = Path("docs/builtin-shelf.png")


def train_base(args: Arguments) -> None:
    """Train UNet and text encoder."""
    from engine.builtin import base

    base.train(args.out, args.minutes, args.workers, args.start, args.peak)


def train_decoder(args: Arguments) -> None:
    """Train the decoder further and say how well it now copies images."""
    from engine.builtin import decoder

    decoder.train(args.out / "vae", args.minutes)
    for name, figure in decoder.fidelity(args.out / "vae").items():
        print(f"{name} {figure:.1f} dB")


def train_judge(args: Arguments) -> None:
    """Train the measuring instrument."""
    from engine.builtin import judge

    judge.train(args.checkpoint / "vae", args.judge, args.minutes)


def train_lora(args: Arguments) -> None:
    """Train adapters by name, one after the other; without a name, all that are missing."""
    from engine.builtin import lora, shelf

    names = args.names or [a.slug for a in shelf.SHELF]
    for name in names:
        if args.names or not (args.loras / f"{name}.safetensors").exists():
            made = lora.train(name, args.checkpoint, args.loras, args.more, args.workers)
            print(made, flush=True)


def write_cards(args: Arguments) -> None:
    """Write the cards of the adapters that are there, and draw their example images."""
    from engine.builtin import cards
    from engine.builtin.studio import Studio

    print(cards.write(args.loras, args.checkpoint, args.cards), "cards")
    cards.draw_examples(Studio(args.checkpoint, args.loras), args.cards.with_name("examples"))


def measure(args: Arguments) -> None:
    """Measure everything, or some parts, a line a figure; `stylus bench builtin` does all."""
    from engine.builtin.bench import Subject, measure

    subject = Subject(args.prompts, args.checkpoint, args.loras, args.judge)
    for f in measure(subject, args.processes, lambda text: print(text, flush=True), args.only):
        print(f"{f.name:62} {f.value:.3f} {f.unit} {'FAILS' if f.holds is False else ''}")


def draw_sheet(args: Arguments) -> None:
    """Draw the contact sheet."""
    from engine.builtin import sheet
    from engine.builtin.studio import Studio

    sheet.make(Studio(args.checkpoint, args.loras), args.sheet)


def parse() -> Arguments:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.builtin")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[Arguments], None], minutes: float = 0) -> Parser:
        made = commands.add_parser(name, help=(run.__doc__ or "").strip())
        made.set_defaults(run=run)
        made.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
        made.add_argument("--loras", type=Path, default=LORAS)
        made.add_argument("--judge", type=Path, default=JUDGE)
        made.add_argument("--cards", type=Path, default=CARDS)
        if minutes:
            made.add_argument("--minutes", type=float, default=minutes)
        return made

    base = command("train-base", train_base, minutes=75)
    base.add_argument("--out", type=Path, required=True, help="folder to work and resume in")
    base.add_argument("--workers", type=int, default=2)
    base.add_argument("--start", type=Path, help="checkpoint to go on from, if out is empty")
    base.add_argument("--peak", type=float, default=1.1e-3, help="highest learning rate")
    decoder = command("train-decoder", train_decoder, minutes=8)
    decoder.add_argument("--out", type=Path, required=True, help="folder of train-base")
    command("train-judge", train_judge, minutes=8)
    adapter = command("train-lora", train_lora)
    adapter.add_argument("names", nargs="*")
    adapter.add_argument("--workers", type=int, default=2)
    adapter.add_argument("--more", type=int, default=0, help="train what is there so many steps on")
    command("cards", write_cards)
    bench = command("bench", measure)
    bench.add_argument("only", nargs="*", help="adapters or parts; without any, everything")
    bench.add_argument("--prompts", type=int, default=500)
    bench.add_argument("--processes", type=int, default=2)
    command("sheet", draw_sheet).add_argument("--sheet", type=Path, default=SHEET)
    return parser.parse_args()


if __name__ == "__main__":
    chosen = parse()
    chosen.run(chosen)
