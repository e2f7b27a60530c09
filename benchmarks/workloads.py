"""What the measured jobs do, how many of them a round has, and how each is enqueued. It must not know any system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: Seconds of sleep or of processor time in the two workloads that do something.
WORK_S = 0.005
#: One job of so many fails, or repeats an earlier key.
ONE_IN = 10
#: A failing job is run once more after so many ms, then it is dead.
RETRY_AFTER_MS = 500


def _nothing(_number: int) -> tuple[Any, ...]:
    return ()


def _no_options(_number: int) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of job. `share`: of the jobs asked for, so that a round of slow or large jobs stays as long as others.

    `by_dispatch`: ours is filled by `dispatch_many`, the others by `send()`. `by_rows`: what is done is counted in the
    ledger's rows instead of Redis, because there Redis does not hold all that is left.
    """

    name: str
    what: str
    actor: str = "noop"
    share: float = 1.0
    by_dispatch: bool = False
    by_rows: bool = False
    args: Callable[[int], tuple[Any, ...]] = _nothing
    options: Callable[[int], dict[str, Any]] = _no_options

    def count(self, asked: int) -> int:
        """Jobs of a round."""
        return max(1, round(asked * self.share))


def fails(number: int) -> bool:
    """Whether the job of this number raises."""
    return number % ONE_IN == 0


def repeated_key(number: int) -> dict[str, Any]:
    """The dispatch key of a job; the last of every ten has the key of one half as far on, which has run by then."""
    last_of_ten = number % ONE_IN == ONE_IN - 1
    holder = number // (2 * ONE_IN) * ONE_IN if last_of_ten else number
    return {"dispatch_key": f"bench-{holder}"}


WORKLOADS: dict[str, Workload] = {
    one.name: one
    for one in (
        Workload("noop", "nothing, by send()"),
        Workload("dispatch", "nothing, by dispatch (bare: send())", by_dispatch=True, by_rows=True),
        Workload("io", "5 ms of waiting", actor="io", share=0.5),
        Workload("cpu", "5 ms of processor time", actor="cpu", share=0.1),
        Workload(
            "failing",
            "nothing; every tenth raises, is tried again after half a second, and dies",
            actor="failing",
            share=0.5,
            by_rows=True,
            args=lambda number: (number,),
        ),
        Workload(
            "duplicates",
            "nothing; every tenth repeats the key of an earlier job (bare runs it)",
            options=repeated_key,
        ),
        Workload("payload-1k", "nothing, with 1 KB of arguments", actor="payload", args=lambda _: ("x" * 1_000,)),
        Workload(
            "payload-100k",
            "nothing, with 100 KB of arguments",
            actor="payload",
            share=0.1,
            args=lambda _: ("x" * 100_000,),
        ),
        Workload("counted", "counts itself, as the peers' jobs do", actor="counted"),
    )
}
