"""A report as a picture: one bar a result, grouped by unit, with the range of the rounds. Plain SVG, no library."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

from benchmarks.report import Report, Result

#: Pixels: of a row, of the names' column, of the longest bar, of the numbers' column.
_ROW, _NAMES, _BARS, _NUMBERS = 22, 300, 380, 230
_HEADING = 34
_OURS, _OTHERS, _RANGE = "#1f6f5c", "#9aa5ad", "#2b2b2b"


def svg(report: Report) -> str:
    """The picture, complete and on a white ground."""
    parts: list[str] = []
    top = _HEADING
    for unit, results in groupby(report.results, key=lambda one: one.unit):
        group = list(results)
        parts += _group(unit, group, top)
        top += _HEADING + _ROW * len(group)
    width = _NAMES + _BARS + _NUMBERS
    title = _text(10, 22, f"callboard bench {report.benchmark}: medians of {report.rounds} rounds", bold=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top + 10}" font-family="sans-serif"'
        f' font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join([title, *parts])
        + "\n</svg>\n"
    )


def _group(unit: str, results: Sequence[Result], top: int) -> list[str]:
    largest = max(one.high for one in results) or 1.0
    parts = [_text(10, top + 22, unit, bold=True)]
    for number, one in enumerate(results):
        parts += _bar(one, top + _HEADING + number * _ROW, _BARS / largest)
    return parts


def _bar(one: Result, top: int, scale: float) -> list[str]:
    colour = _OURS if "callboard" in one.name else _OTHERS
    middle = top + _ROW / 2 - 3
    low, high = _NAMES + one.low * scale, _NAMES + one.high * scale
    whisker = f"M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8"
    ratio = "" if one.ratio is None else f"  ({one.ratio:.2f} of {one.ratio_to})"
    return [
        _text(10, top + 12, one.name),
        f'<rect x="{_NAMES}" y="{top}" width="{one.value * scale:.1f}" height="{_ROW - 6}" fill="{colour}"/>',
        f'<path d="{whisker}" stroke="{_RANGE}" fill="none"/>',
        _text(_NAMES + _BARS + 8, top + 12, f"{one.value:,.{_digits(one.value)}f}{ratio}"),
    ]


def _digits(value: float) -> int:
    """Digits behind the point that still say something."""
    return 0 if value >= 100 else 1 if value >= 10 else 3


def _text(left: int, baseline: int, text: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{left}" y="{baseline}"{weight}>{escape(text)}</text>'
