"""A picture of how waiting grows with the number of people; plain SVG, so that it needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

Points = Sequence[tuple[int, float]]

_WIDTH, _HEIGHT = 340, 240
_LEFT, _TOP, _BOTTOM, _GAP = 50, 50, 50, 40
# Told apart by their dashes and labels as well, not by colour alone.
_STYLES = {"ours": ("#0b6e4f", ""), "stock": ("#a23b00", "6 4")}


def draw(panels: Mapping[str, Mapping[str, Points]]) -> str:
    """One panel per title, all with the same axes: people at once, seconds."""
    curves = [points for panel in panels.values() for points in panel.values()]
    most = max(count for points in curves for count, _ in points)
    step = _step(max(seconds for points in curves for _, seconds in points))
    top = step * (1 + int(max(seconds for points in curves for _, seconds in points) / step))
    width = _LEFT + len(panels) * (_WIDTH + _GAP)
    height = _TOP + _HEIGHT + _BOTTOM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (title, panel) in enumerate(panels.items()):
        lines.append(f'<g transform="translate({_LEFT + number * (_WIDTH + _GAP)} {_TOP})">')
        lines += _panel(title, panel, most, top, step)
        lines.append("</g>")
    return "\n".join([*lines, "</svg>", ""])


def _step(seconds: float) -> float:
    """Between the lines of the grid: about five of them."""
    return next((step for step in (0.5, 1, 2, 5, 10, 20, 50, 100) if seconds / step <= 6), 200)


def _panel(title: str, panel: Mapping[str, Points], most: int, top: float, step: float) -> Iterator[str]:
    def x(count: float) -> float:
        return round(_WIDTH * count / most, 1)

    def y(seconds: float) -> float:
        return round(_HEIGHT * (1 - seconds / top), 1)

    yield f'<text x="0" y="-20" font-size="14" font-weight="bold">Seconds {escape(title)}</text>'
    value = 0.0
    while value <= top:
        yield f'<line x1="0" x2="{_WIDTH}" y1="{y(value)}" y2="{y(value)}" stroke="#dddddd"/>'
        yield f'<text x="-6" y="{y(value) + 4}" text-anchor="end">{value:g}</text>'
        value += step
    for count in sorted({count for points in panel.values() for count, _ in points}):
        yield f'<text x="{x(count)}" y="{_HEIGHT + 18}" text-anchor="middle">{count}</text>'
    yield f'<text x="{_WIDTH / 2}" y="{_HEIGHT + 38}" text-anchor="middle">people at once</text>'
    for name, points in panel.items():
        colour, dashes = _STYLES[name]
        path = " ".join(f"{x(count)},{y(seconds)}" for count, seconds in points)
        line = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
        yield f'<polyline points="{path}" fill="none" {line}/>'
        for count, seconds in points:
            yield f'<circle cx="{x(count)}" cy="{y(seconds)}" r="3" fill="{colour}"/>'
        count, seconds = points[-1]
        place = f'x="{x(count)}" y="{round(y(seconds) - 8, 1)}" text-anchor="end"'
        yield f'<text {place} fill="{colour}">{name} {seconds:.1f} s</text>'
