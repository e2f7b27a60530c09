"""What a benchmark says: the machine, the versions, and results with their ratio to a peer; as text and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

#: Distributions whose versions a number depends on.
_PACKAGES = ("dramatiq", "redis", "hiredis", "psycopg2-binary", "peewee", "loguru", "prometheus-client", "orjson")


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


@dataclass(slots=True)
class Report:
    """All that one benchmark found. `notes` say what the numbers alone do not: settings, sizes, what was left out."""

    benchmark: str
    rounds: int
    results: list[Result] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def compared(rounds: Mapping[str, Sequence[float]], unit: str, *, ratio_to: str | None) -> list[Result]:
    """Medians and ranges by name. The ratio is the median of the rounds' own ratios: a noisy minute hits both sides.

    Without a peer, or beside a peer that was zero, there is no ratio.
    """
    return [_result(name, values, unit, ratio_to, rounds.get(ratio_to or "")) for name, values in rounds.items()]


def _result(
    name: str, values: Sequence[float], unit: str, ratio_to: str | None, peer: Sequence[float] | None
) -> Result:
    if peer is None or name == ratio_to or not all(peer):
        return Result(name, median(values), unit, None, None, min(values), max(values))
    ratio = median(mine / other for mine, other in zip(values, peer, strict=True))
    return Result(name, median(values), unit, ratio_to, ratio, min(values), max(values))


def document(report: Report) -> dict[str, Any]:
    """The object that `--json` ends with."""
    return {
        "benchmark": report.benchmark,
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "python": platform.python_version(),
            "load_1m": round(os.getloadavg()[0], 2),
        },
        "versions": {name: _version(name) for name in _PACKAGES} | report.versions,
        "rounds": report.rounds,
        "results": [asdict(one) for one in report.results],
        "notes": report.notes,
    }


def text(report: Report) -> str:
    """The same for people: one line a result, then the notes."""
    width = max([len(one.name) for one in report.results], default=0)
    lines = [f"{'':{width}} {'median':>11}  {'range':>21}  ({report.rounds} rounds)"]
    for one in report.results:
        ratio = "" if one.ratio is None else f"  {one.ratio:.2f} of {one.ratio_to}"
        spread = f"{one.low:,.2f} - {one.high:,.2f}"
        lines.append(f"{one.name:{width}} {one.value:>11,.2f}  {spread:>21}  {one.unit}{ratio}")
    return "\n".join(lines + [f"note: {note}" for note in report.notes])


def encoded(report: Report) -> str:
    """The JSON text of `document`."""
    return json.dumps(document(report), indent=2)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _processor() -> str:
    """The processor's own name where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
