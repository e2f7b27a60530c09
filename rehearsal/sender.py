"""Dispatches one job from a process of its own: `python -m rehearsal.sender MODULE ACTOR JOB-JSON`; prints the answer.

A process of its own, because it may be killed at a crash point, and because the module needs our broker.
"""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import asdict
from typing import Any

from actors.broker import setup
from actors.dispatch import dispatch


def main(argv: list[str]) -> int:
    """`JOB-JSON`: an object with `args`, `kwargs`, `key` and `delay_ms`."""
    module, name, job = argv
    broker = setup()
    importlib.import_module(module)
    options: dict[str, Any] = json.loads(job)
    answer = dispatch(
        broker.get_actor(name),
        *options["args"],
        dispatch_key=options["key"],
        delay_ms=options["delay_ms"],
        **options["kwargs"],
    )
    print(json.dumps({"answer": type(answer).__name__, **asdict(answer)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
