"""How a replay tells people what it found: one line a thing, the worst cases by name, and where the artifact lies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from scripts.screens import as_json, harmless

if TYPE_CHECKING:
    from messaging.replay.artifact import Written

#: Failed cases that are shown; the artifact has them all.
_SHOWN = 10


def report(written: Written, *, as_objects: bool) -> None:
    """The artifact as JSON, or lines about it; what went wrong beside the cases goes to standard error."""
    told = written.told
    if as_objects:
        print(as_json({**told, "artifact": str(written.file)}))
    else:
        print("\n".join(lines(told, str(written.file))))
    for warning in told["selection"]["warnings"]:
        print(f"callboard: warning: {harmless(warning)}", file=sys.stderr)
    if told["summary"]["diagnosis"]:
        print(f"callboard: {harmless(told['summary']['diagnosis'])}", file=sys.stderr)


def lines(told: dict[str, Any], file: str) -> Iterator[str]:
    """What people read."""
    summary = told["summary"]
    counts = ("evaluated", "failed", "skipped", "selectedOnly")
    words = {"selectedOnly": "selected only"}
    stated = [f"{summary[name]} {words.get(name, name)}" for name in counts if summary[name]]
    yield f"cases     {', '.join(stated) or 'none'}, of {told['selection']['candidates']} candidates"
    yield from _counted("failures", summary["failureTypeCounts"])
    yield from _counted("critical", summary.get("criticalInvariantCounts", {}))
    if (score := summary.get("averages", {}).get("score")) is not None:
        yield f"score     {score:g} on average, {told['config']['judgeThreshold']} asked for"
    if (diff := told["baselineDiff"]) is not None:
        against = ", ".join(f"{count} {name}" for name, count in diff["counts"].items())
        yield f"baseline  {against} (against {diff['baselineRunId']})"
    yield from _failed(told["cases"])
    yield f"artifact  {file}"


def _counted(title: str, counts: dict[str, int]) -> Iterator[str]:
    found = [f"{name} {count}" for name, count in counts.items() if count]
    if found:
        yield f"{title:<9} {', '.join(found)}"


def _failed(cases: list[dict[str, Any]]) -> Iterator[str]:
    failed = [case for case in cases if case["failureType"]]
    for case in failed[:_SHOWN]:
        yield harmless(f"failed    {case['caseId']}  {case['failureType']}: {case['failure']}", keep_spaces=True)
    if len(failed) > _SHOWN:
        yield f"          and {len(failed) - _SHOWN} more: see the artifact"
