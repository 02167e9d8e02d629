"""An evaluation as one page: figures with their intervals, plots, and pictures of both."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from engine.errors import StorageUnavailable
from engine.evaluating.questions import Question
from engine.operations.figures import Figure

#: Questions whose pictures are shown.
SHOWN = 24
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left }
td.number { text-align: right; font-variant-numeric: tabular-nums }
.no { color: #b00020; font-weight: bold } .yes { color: #0a7d38 }
figure { margin: 1rem 0 } figcaption { color: #555 }
.way { display: inline-block; margin: 0 1rem .5rem 0; vertical-align: top }
.way img { width: 96px; image-rendering: auto; margin-right: 2px }
"""


def write_report(
    path: Path,
    title: str,
    made: str,
    figures: Sequence[Figure],
    plots: Mapping[str, str],
    questions: Sequence[Question],
    pictures: Mapping[str, Sequence[Sequence[Path]]],
) -> Path:
    """Writes the page and returns its path.

    `made` tells machine, date and command; `plots` are SVG by caption; `pictures` are each way's
    images of each question, beside or below the page. Raises StorageUnavailable.
    """
    parts = [
        f"<h1>{escape(title)}</h1><p>{escape(made)}</p>",
        _table(figures),
        *(
            f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"
            for caption, svg in plots.items()
        ),
        "<h2>Pictures</h2><p>The same seeds in every way.</p>",
        *(_row(path.parent, question, n, pictures) for n, question in enumerate(questions[:SHOWN])),
    ]
    head = f"<meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>"
    try:
        path.write_text(f"<!doctype html>{head}{''.join(parts)}\n", "utf-8")
    except OSError as error:
        raise StorageUnavailable(f"{path} cannot be written ({error.strerror}).") from error
    return path


def _table(figures: Sequence[Figure]) -> str:
    rows = "".join(map(_figure, figures))
    return f"<table><tr><th>figure<th>value<th>95% interval<th>goal<th>holds</tr>{rows}</table>"


def _figure(figure: Figure) -> str:
    low, high = figure.interval or (None, None)
    sure = "" if low is None else f"{low:.3f} to {high:.3f}"
    bound = "≥" if figure.higher_is_better else "≤"
    goal = "" if figure.goal is None else f"{bound} {figure.goal:g}"
    holds = {True: "<td class=yes>yes", False: "<td class=no>no", None: "<td>"}[figure.holds]
    value = f"{figure.value:.3f} {escape(figure.unit)}"
    return f"<tr><td>{escape(figure.name)}<td class=number>{value}<td>{sure}<td>{goal}{holds}</tr>"


def _row(
    folder: Path, question: Question, number: int, pictures: Mapping[str, Sequence[Sequence[Path]]]
) -> str:
    ways = "".join(
        f"<div class=way>{escape(way)}<br>{_images(folder, rows[number], question)}</div>"
        for way, rows in pictures.items()
    )
    return f"<h3>{escape(question.prompt)}</h3><p>{escape(question.group)}</p>{ways}"


def _images(folder: Path, paths: Sequence[Path], question: Question) -> str:
    return "".join(
        f'<img src="{escape(path.relative_to(folder).as_posix())}" alt="{escape(question.prompt)}">'
        for path in paths
    )
