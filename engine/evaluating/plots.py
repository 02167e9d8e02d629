"""Plots of an evaluation, as SVG that a page can hold."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure as Plot


@dataclass(frozen=True, slots=True)
class Point:
    """One way at one guidance scale."""

    alignment: float
    distance: float
    guidance: float


def sweep(lines: Mapping[str, Sequence[Point]], measure: str) -> str:
    """Returns alignment over the distance to real images, a line a way, a point a guidance.

    Up and to the left is better (Stylus, figure 7).
    """
    plot = Plot(figsize=(6, 4), layout="constrained")
    axes = plot.subplots()
    for way, points in lines.items():
        axes.plot([p.distance for p in points], [p.alignment for p in points], "o-", label=way)
        for point in points:
            place = (point.distance, point.alignment)
            axes.annotate(f"{point.guidance:g}", place, (4, 4), textcoords="offset points")
    axes.set_xlabel("Frechet distance to real images (less is better)")
    axes.set_ylabel(measure)
    axes.legend()
    return _svg(plot)


def trade(lines: Mapping[str, Sequence[tuple[float, float, float]]]) -> str:
    """Returns what the prompt brings over what is kept of a picture, a point a strength.

    `lines` are kept, followed and strength by way; up and to the right is better.
    """
    plot = Plot(figsize=(6, 4), layout="constrained")
    axes = plot.subplots()
    for way, points in lines.items():
        axes.plot([p[0] for p in points], [p[1] for p in points], "o-", label=way)
        for kept, followed, strength in points:
            axes.annotate(f"{strength:g}", (kept, followed), (4, 4), textcoords="offset points")
    axes.set_xlabel("share of the picture's facts that are kept")
    axes.set_ylabel("share of images that show what the prompt brings")
    axes.legend()
    return _svg(plot)


def bars(values: Mapping[str, Mapping[str, float]], measure: str) -> str:
    """Returns a group of bars for each way, a bar a group of prompts."""
    plot = Plot(figsize=(8, 3.5), layout="constrained")
    axes = plot.subplots()
    groups = list(dict.fromkeys(group for row in values.values() for group in row))
    width = 0.8 / len(groups)
    for number, group in enumerate(groups):
        places = [n + number * width for n in range(len(values))]
        axes.bar(places, [row.get(group, 0) for row in values.values()], width, label=group or None)
    middle = (len(groups) - 1) * width / 2
    axes.set_xticks([n + middle for n in range(len(values))], list(values), rotation=15)
    axes.set_ylabel(measure)
    if any(groups):
        axes.legend(fontsize="small")
    return _svg(plot)


def stacked(rows: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """Returns a horizontal bar for each row, its parts one behind the other."""
    plot = Plot(figsize=(8, 0.5 * len(rows) + 1.4), layout="constrained")
    axes = plot.subplots()
    begun = dict.fromkeys(rows, 0.0)
    for part in dict.fromkeys(part for row in rows.values() for part in row):
        widths = [row.get(part, 0.0) for row in rows.values()]
        axes.barh(list(rows), widths, left=list(begun.values()), label=part)
        begun = {name: begun[name] + width for name, width in zip(rows, widths, strict=True)}
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    axes.legend(fontsize="small")
    return _svg(plot)


def _svg(plot: Plot) -> str:
    file = io.StringIO()
    plot.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]
