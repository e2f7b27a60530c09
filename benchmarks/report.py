"""What a benchmark prints: the machine, the versions, and results with their ratio to a peer."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any

#: Distributions whose versions a number depends on.
_PACKAGES = ("dramatiq", "redis", "psycopg2-binary", "peewee", "loguru", "prometheus-client", "orjson")


@dataclass(frozen=True, slots=True)
class Result:
    """One measured number: the median of its rounds, their range, and the ratio to a peer's median."""

    name: str
    value: float
    unit: str
    ratio_to: str | None
    ratio: float | None
    low: float
    high: float


def results(rounds: Mapping[str, Sequence[float]], unit: str, *, ratio_to: str) -> list[Result]:
    """Medians and ranges by name. The ratio is the median of the rounds' own ratios: a noisy minute hits both sides."""
    peer = rounds[ratio_to]
    found = []
    for name, values in rounds.items():
        ratio = None if name == ratio_to else median(mine / other for mine, other in zip(values, peer, strict=True))
        found.append(
            Result(name, median(values), unit, None if ratio is None else ratio_to, ratio, min(values), max(values))
        )
    return found


def document(found: Sequence[Result], rounds: int) -> dict[str, Any]:
    """The object that `--json` ends with."""
    return {
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "load_1m": os.getloadavg()[0],
        },
        "versions": {name: _version(name) for name in _PACKAGES},
        "rounds": rounds,
        "results": [asdict(one) for one in found],
    }


def text(found: Sequence[Result], rounds: int) -> str:
    """The same for people: one line a result."""
    lines = [f"{'':24} {'median':>10}  {'range':>17}  ratio        ({rounds} rounds)"]
    for one in found:
        ratio = "" if one.ratio is None else f"{one.ratio:.2f} of {one.ratio_to}"
        lines.append(f"{one.name:24} {one.value:>10,.1f}  {one.low:>8,.0f}-{one.high:>8,.0f}  {ratio:22} {one.unit}")
    return "\n".join(lines)


def encoded(found: Sequence[Result], rounds: int) -> str:
    """The JSON text of `document`."""
    return json.dumps(document(found, rounds), indent=2)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
