"""The same jobs on stock Dramatiq and on ours, for `dramatiq benchmarks.faults_play:stock` and `…:ours`.

Each job leaves a line in FAULTS_FOLDER/done-<name> when it is done: the outside world's memory. FAULTS_MISHAP says what
goes wrong inside the worker. Bare Dramatiq must not load ours: what is ours is imported where it is chosen.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dramatiq
import redis
from dramatiq import Broker, Message, MessageProxy, Middleware
from dramatiq.brokers.redis import RedisBroker

#: The queue of all jobs.
QUEUE = "faults"
#: Time limit of the job whose after-hook is slow, in ms, and how long that hook takes, in s.
LIMIT_MS = 1_500
SLOW_S = 2.5

Effect = Callable[[str, Callable[[], None]], None]


def stock() -> Broker:
    """Dramatiq as it comes, with its own middleware."""
    broker = RedisBroker(url=os.environ["CALLBOARD_REDIS_URL"])  # type: ignore[no-untyped-call]
    dramatiq.set_broker(broker)
    if mishap() == "slow_hook":
        broker.add_middleware(SlowRecorder())
    if mishap() == "broken_hook":
        broker.add_middleware(BrokenDedupe())
    if mishap() == "kill_after_retry":
        broker.add_middleware(KillAfterRetry())
    if mishap() == "enqueue_fails":
        _break_enqueue(broker)
    _declare(lambda key, call: call())
    return broker


def ours() -> Broker:
    """Callboard as a user has it."""
    from actors.broker import setup  # noqa: PLC0415
    from actors.effects import once  # noqa: PLC0415
    from middleware.claims import Claims  # noqa: PLC0415

    broker = setup()
    if mishap() == "slow_hook":
        broker.add_middleware(SlowRecorder(), before=Claims)
    if mishap() == "broken_hook":
        broker.add_middleware(BrokenDedupe(), before=Claims)
    if mishap() == "enqueue_fails":
        _break_push(broker)

    def guarded(key: str, call: Callable[[], None]) -> None:
        once(f"done:{key}", lambda _: call(), kind="faults")

    _declare(guarded)
    return broker


def mishap() -> str:
    """What goes wrong in this process."""
    return os.environ.get("FAULTS_MISHAP", "")


class SlowRecorder(Middleware):
    """Somebody's own history of messages: its after-hook takes longer than the message may."""

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if message.actor_name == "limited":
            until_s = time.monotonic() + SLOW_S
            while time.monotonic() < until_s:
                time.sleep(0.01)


class BrokenDedupe(Middleware):
    """Somebody's own dedupe, whose store does not answer."""

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        raise RuntimeError("the store of seen messages does not answer")


class KillAfterRetry(Middleware):
    """The process dies between the retry's enqueue and the ack of what it replaces, the first time."""

    def after_enqueue(self, broker: Broker, message: Message[Any], delay: int | None) -> None:
        if message.options.get("retries") and first("killed-after-retry"):
            os.kill(os.getpid(), signal.SIGKILL)


def _break_enqueue(broker: Any) -> None:
    """The first retry's enqueue does not reach Redis."""
    enqueue = broker.do_enqueue

    def broken(queue_name: str, message_id: str, data: bytes) -> None:
        if b'"retries"' in data and first("broken-enqueue"):
            raise redis.ConnectionError("connection lost")
        enqueue(queue_name, message_id, data)

    broker.do_enqueue = broken


def _break_push(broker: Any) -> None:
    """The first push of a worker does not reach Redis."""
    push = broker.push

    def broken(pushes: Any, *, bounded: bool) -> Any:
        if first("broken-push"):
            raise redis.ConnectionError("connection lost")
        return push(pushes, bounded=bounded)

    broker.push = broken


def _declare(effect: Effect) -> None:
    """The actors; `effect(key, call)` is how each system touches the outside world."""

    def work(name: str, pause_ms: int = 0) -> None:
        note(f"started-{name}")
        _pause(pause_ms)
        effect(name, lambda: note(f"done-{name}"))

    def act_and_die(name: str) -> None:
        """The process dies between the effect's call and whatever would remember it, the first time."""

        def call() -> None:
            note(f"done-{name}")
            if first("died-after-call"):
                os.kill(os.getpid(), signal.SIGKILL)

        effect(name, call)

    def fail_once(name: str) -> None:
        if first(f"failed-{name}"):
            raise ConnectionError(f"the first time \x00 \ud800 {name[:20]}")
        effect(name, lambda: note(f"done-{name}"))

    def poison(name: str) -> None:
        note(f"started-{name}")
        os.kill(os.getpid(), signal.SIGKILL)

    def unstorable(name: str, text: str) -> None:
        if first(f"failed-{name}"):
            raise ValueError(f"cannot store {text}")
        effect(name, lambda: note(f"done-{name}"))

    quick = {"queue_name": QUEUE, "min_backoff": 300, "max_backoff": 600}
    dramatiq.actor(actor_name="work", **quick)(work)  # type: ignore[call-overload]
    dramatiq.actor(actor_name="act_and_die", **quick)(act_and_die)  # type: ignore[call-overload]
    dramatiq.actor(actor_name="fail_once", **quick)(fail_once)  # type: ignore[call-overload]
    dramatiq.actor(actor_name="limited", time_limit=LIMIT_MS, **quick)(fail_once)  # type: ignore[call-overload]
    dramatiq.actor(actor_name="poison", **quick)(poison)  # type: ignore[call-overload]
    dramatiq.actor(actor_name="unstorable", **quick)(unstorable)  # type: ignore[call-overload]


def note(name: str) -> None:
    """A line in the world's memory; written whole or not at all."""
    with (_folder() / name).open("a", encoding="ascii") as line:
        line.write(f"{os.getpid()} {time.time()}\n")


def first(name: str) -> bool:
    """Whether this is the first time, over all processes."""
    try:
        (_folder() / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _folder() -> Path:
    return Path(os.environ["FAULTS_FOLDER"])


def _pause(pause_ms: int) -> None:
    threading.Event().wait(pause_ms / 1000)
