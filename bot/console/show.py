"""What a reply looks like at a terminal."""

from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bot.reply import Cell, Reply, Row, make_reply
from engine.values import Answer, Timings


def print_reply(console: Console, reply: Reply, timings: Timings, files: list[str]) -> None:
    """Prints the breakdown, remarks, files and timings."""
    console.print(Text.assemble(("“" + reply.prompt + "”", "bold")))
    if reply.failure:
        console.print(Text(reply.failure, style="red"))
    if reply.rows:
        console.print(_breakdown(reply))
    for remark in reply.remarks:
        console.print(Text("• " + remark, style="yellow"))
    for file in files:
        console.print(Text(file, style="cyan"), soft_wrap=True)
    console.print(Text(timing_line(timings), style="dim"))
    further = f"stylus reroll {reply.request_id}   takes new masks"
    if reply.duel:
        further = f"stylus vote {reply.request_id} 1   votes for the first image"
    console.print(Text(further, style="dim"))


def timing_line(timings: Timings) -> str:
    """The seconds of every stage in one line."""
    parts = [f"{name} {seconds:.2f}" for name, seconds in asdict(timings).items()]
    return "seconds: " + ", ".join(parts)


def _breakdown(reply: Reply) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold", expand=False)
    table.add_column("words")
    table.add_column("adapter")
    for image in reply.images:
        table.add_column(f"#{image.rendering.index + 1}", justify="right", no_wrap=True)
    table.add_column("why")
    for row in reply.rows:
        table.add_row(*_cells(row, len(reply.images)))
    return table


def _cells(row: Row, images: int) -> list[str | Text]:
    if row.title is None:
        return [escape(row.words), Text("—", style="dim"), *[""] * images, Text(row.why, "dim")]
    marks = [_mark(cell) for cell in row.cells] or [Text("")] * images
    return [escape(row.words), Text(row.title, style="green"), *marks, Text(row.why)]


def _mark(cell: Cell) -> Text:
    if cell.state == "on":
        star = "*" if cell.reduced_from is not None else ""
        return Text(f"{cell.weight:.2f}{star}", style="bold")
    return Text("off", style="dim") if cell.state == "off" else Text("skipped", style="red")


def print_answer(console: Console, answer: Answer) -> None:
    """Prints everything known of a request, also of one that is under way."""
    request, sampling = answer.request, answer.request.sampling
    console.print(f"request {request.id} ({request.kind}), {answer.phase.value}")
    if request.parent_id:
        console.print(f"from request {request.parent_id}, first of the line {request.root_id}")
    console.print(
        f"{request.image_count} images of {sampling.width}x{sampling.height}, checkpoint "
        f"{sampling.checkpoint}, {sampling.scheduler}, {sampling.steps} steps, "
        f"guidance {sampling.guidance:g}, seed {request.seed}"
    )
    if answer.composition:
        console.print(f"composed by: {answer.composition.composer}")
    print_reply(console, make_reply(answer), answer.timings, [])
    for rendering in answer.renderings:
        console.print(f"#{rendering.index + 1} seed {rendering.seed} sha256 {rendering.sha256}")
