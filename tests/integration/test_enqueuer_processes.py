"""Copies made behind the caller's back, in processes that end or fork before they are made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from models.database import query
from policy.keys import redis_id

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")

#: Dispatches one job in a process that then ends in its way. Its copy takes half a second: it is not made by luck.
PROGRAM = """
import dramatiq, multiprocessing, os, sys, threading, time
from middleware import copies, enqueuer, logs
from middleware.redis_broker import LedgerRedisBroker, redis_client
from actors.dispatch import dispatch
logs.configure(level="INFO", format="json")
broker = LedgerRedisBroker(client=redis_client(os.environ["CALLBOARD_REDIS_URL"]), middleware=[])
actor = dramatiq.Actor(lambda: None, actor_name="actor", broker=broker, queue_name="default", priority=0, options={{}})
begun = threading.Event()
def late(*args, **kwargs):
    begun.set()
    time.sleep(0.5)
    return copies.make_ready(*args, **kwargs)
enqueuer.make_ready = late
{start}
"""
ENDS = {
    "by itself": "dispatch(actor)",
    "by sys.exit": "dispatch(actor); sys.exit(0)",
    "as a forked child of multiprocessing": (
        "child = multiprocessing.get_context('fork').Process(target=lambda: dispatch(actor));"
        " child.start(); child.join(); os._exit(child.exitcode)"
    ),
}
#: One of the parent's copies is under way and one waits when it forks, which waits for the first alone; the child asks
#: for them, and dispatches its own.
FORKED = """
answers = [dispatch(actor), dispatch(actor)]
begun.wait()
if (pid := os.fork()) == 0:
    print([one.enqueued for one in answers], dispatch(actor).enqueued, flush=True)
    enqueuer.finish()
    os._exit(0)
os.waitpid(pid, 0)
print([one.enqueued for one in answers], flush=True)
"""


def played(start: str, database_url: str, redis_url: str, home: Path) -> subprocess.CompletedProcess[str]:
    """What a process of its own said that dispatched."""
    urls = {"CALLBOARD_DATABASE_URL": database_url, "CALLBOARD_REDIS_URL": redis_url, "CALLBOARD_HOME": str(home)}
    environ = {**os.environ, **urls, "PYTHONPATH": os.getcwd()}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(start=start)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


#: Forks while the thread counts, under a lock as prometheus-client has them; says whether the child gets that lock.
FORKED_MEANWHILE = """
lock, held = threading.Lock(), threading.Event()
def counted(*labels):
    with lock:
        held.set()
        time.sleep(0.3)
enqueuer.metrics.job_dispatched = counted
dispatch(actor)
held.wait()
if (pid := os.fork()) == 0:
    print(lock.acquire(timeout=5), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
"""


@pytest.mark.parametrize("end", ENDS)
def test_process_that_ends_behind_its_dispatch_has_made_and_told_its_copy(
    end: str, ledger_database: str, redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    said = played(ENDS[end], ledger_database, redis_url, tmp_path)

    ((job_id,),) = query("SELECT id::text FROM background_job")
    assert redis_client.lrange("dramatiq:default", 0, -1) == [redis_id(job_id, 1).encode()]
    assert [json.loads(line)["event"] for line in said.stderr.splitlines()] == ["job_dispatched"]


def test_forked_child_leaves_its_parents_copies_alone_and_makes_its_own(
    ledger_database: str, redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    said = played(FORKED, ledger_database, redis_url, tmp_path)

    assert said.stdout.splitlines() == ["[True, False] True", "[True, True]"]
    assert redis_client.llen("dramatiq:default") == 3
    assert [json.loads(line)["event"] for line in said.stderr.splitlines()] == ["job_dispatched"] * 3


def test_child_is_not_forked_while_the_thread_holds_a_lock(
    ledger_database: str, redis_url: str, tmp_path: Path
) -> None:
    said = played(FORKED_MEANWHILE, ledger_database, redis_url, tmp_path)

    assert said.stdout == "True\n"
