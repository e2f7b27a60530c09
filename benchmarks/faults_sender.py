"""Sends jobs as a careful caller does, who repeats what raised: `python -m benchmarks.faults_sender SYSTEM …`.

`ACTOR JSON`: one, an object with `args`, `key` (stock has none) and `delay_ms`. `many ACTOR JSON`: an object with
`jobs`, the arguments of each, and `delay_ms`.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from benchmarks import faults_play

#: Seconds between attempts of a caller whose send raised, and how often it tries.
_AGAIN_S = 0.2
_TIMES = 100


def main(argv: list[str]) -> int:
    """Exit 0 once everything was taken, 1 when a job was refused too often."""
    system, *rest = argv
    broker = faults_play.stock() if system == "stock" else faults_play.ours()
    if rest[0] == "many":
        _, actor, text = rest
        jobs = json.loads(text)
        wanted = [{"args": args, "key": args[0], "delay_ms": jobs["delay_ms"]} for args in jobs["jobs"]]
    else:
        actor, text = rest
        wanted = [json.loads(text)]
    return 0 if all(_taken(system, broker.get_actor(actor), job) for job in wanted) else 1


def _taken(system: str, actor: Any, job: dict[str, Any]) -> bool:
    for _ in range(_TIMES):
        try:
            _send(system, actor, job)
            return True
        except Exception as error:  # a caller cannot know which errors its send may raise: it tries again
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            time.sleep(_AGAIN_S)
    return False


def _send(system: str, actor: Any, job: dict[str, Any]) -> None:
    if system == "stock":
        actor.send_with_options(args=job["args"], delay=job["delay_ms"])
    else:
        from actors.dispatch import dispatch  # noqa: PLC0415  # stock must not load it

        dispatch(actor, *job["args"], dispatch_key=job["key"], delay_ms=job["delay_ms"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
