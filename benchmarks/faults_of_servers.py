"""Faults of servers, and of callers who ask twice. Each brings one about in a world."""

from __future__ import annotations

import threading
import time

import psycopg2
import redis

from benchmarks.faults_world import OURS, World
from rehearsal.troupe import until

#: Seconds that PostgreSQL is away in a short table and in a full one, and what a full one watches at least.
_AWAY_SHORT_S, _AWAY_FULL_S, _FULL_S = 10.0, 60.0, 100.0
#: Tables that a running worker writes to.
_WRITTEN = ("background_job", "background_function_run", "side_effect", "worker")


def redis_restart_with_delayed(world: World) -> None:
    world.workers()
    world.send_many("work", world.names(6), 0, delay_ms=6_000)
    time.sleep(2.5)  # stock fetches delayed messages at once: that is what is looked at
    world.strike()
    world.servers.valkey.stop("fast")
    time.sleep(1.5)  # longer than a consumer's pause between fetches: it meets an error, not only a new connection
    world.servers.valkey.start()


def redis_flushall(world: World) -> None:
    world.send_many("work", world.names(30), 300)
    world.workers()
    until(lambda: len(world.started()) >= 6, "the middle of the work")
    world.strike()
    _redis(world, "flushall")


def undecodable(world: World) -> None:
    world.push_raw("not-a-message", b"\x00 this is no message")
    world.send_many("work", world.names(4), 0)
    world.strike()
    world.workers(threads=4)


def postgres_restart(world: World) -> None:
    world.send_many("work", world.names(40), 200)
    world.workers()
    until(lambda: len(world.started()) >= 6, "the middle of the work")
    world.strike()
    world.servers.postgres.stop("fast")
    world.servers.postgres.start()


def postgres_away(world: World) -> None:
    world.send_many("work", world.names(40), 200)
    world.workers()
    until(lambda: len(world.started()) >= 6, "the middle of the work")
    world.strike()
    world.servers.postgres.stop("fast")
    time.sleep(_AWAY_FULL_S if world.watch_s >= _FULL_S else _AWAY_SHORT_S)
    world.servers.postgres.start()


def duplicate_dispatch(world: World) -> None:
    (name,) = world.names(1)
    world.workers()
    senders = [world.send("work", [name, 0], key=name, wait=False) for _ in range(2)]
    world.strike()
    for sender in senders:
        sender.wait(60)
    _settle(world)


def duplicate_tick(world: World) -> None:
    """Two schedulers come to the same minute: stock sends twice, ours dispatches with the window as the key."""
    (name,) = world.names(1)
    window = f"background-jobs:v1:60:{time.strftime('%Y-%m-%dT%H:%M:00.000Z', time.gmtime())}"
    world.workers()
    world.strike()
    for _ in range(2):
        world.send("work", [name, 0], key=window)
    _settle(world)


def disk_full(world: World) -> None:
    """For five seconds every write of a job, an attempt, an effect or a beat answers as a full disk does."""
    world.send_many("work", world.names(30), 200)
    world.workers()
    until(lambda: len(world.started()) >= 6, "the middle of the work")
    world.room.rows(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
    )
    for table in _WRITTEN:
        world.room.rows(f"CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION refuse()")
    world.strike()
    time.sleep(5)
    for table in _WRITTEN:
        world.room.rows(f"DROP TRIGGER refuse ON {table}")


def nul_and_surrogate(world: World) -> None:
    for name, text in zip(world.names(2), ("a NUL: \x00", "a lone surrogate: \ud800"), strict=True):
        world.send("unstorable", [name, text], key=name)
    world.strike()
    world.workers()


def open_transaction(world: World) -> None:
    """Somebody dispatches a key in a transaction that stays open for five seconds, and rolls it back."""
    (name, other) = world.names(2)
    world.workers()
    holder = threading.Thread(target=_hold_key, args=(world, name))
    holder.start()
    until(lambda: world.room.value("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"), "it")
    world.strike()
    senders = [world.send("work", [one, 0], key=one, wait=False) for one in (name, other)]
    for sender in senders:
        sender.wait(60)
    holder.join()


def prune_and_again(world: World) -> None:
    """A job is done and pruned; then the same mail is ingested once more."""
    (name,) = world.names(1)
    world.workers()
    world.send("work", [name, 0], key=name)
    until(world.all_done, "the first run")
    if world.system == OURS:
        until(lambda: world.room.value("SELECT state FROM background_job") == "succeeded", "its row")
        world.room.rows("DELETE FROM background_function_run; DELETE FROM background_job")
    world.strike()
    world.send("work", [name, 0], key=name)
    _settle(world)


def _redis(world: World, command: str) -> None:
    with redis.Redis.from_url(world.servers.redis_url) as client:
        client.execute_command(command)


def _settle(world: World) -> None:
    """Until the first has been done, and a second would have been."""
    until(world.all_done, "the work", world.watch_s)
    time.sleep(2)


def _hold_key(world: World, key: str) -> None:
    connection = psycopg2.connect(world.room.database_url)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO background_job (id, dispatch_key, key_expires_at, actor, queue, payload, state, run_at,"
            " correlation_id, requested_at)"
            " VALUES (gen_random_uuid(), %s, now(), 'work', 'faults', '', 'pending', now(), 'held', now())",
            (key,),
        )
        time.sleep(5)
    connection.rollback()
    connection.close()
