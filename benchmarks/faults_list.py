"""The faults of the table, in its order: each one's name, what it is, and who brings it about. Stock and ours alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import faults_of_servers as servers
from benchmarks import faults_of_wires as wires
from benchmarks import faults_of_workers as workers
from benchmarks.faults_world import World


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table. `ours_only`: stock has nothing there that could break."""

    name: str
    sentence: str
    bring: Callable[[World], None]
    ours_only: bool = False


FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("sigkill_running", "SIGKILL while jobs run", workers.sigkill_running),
        Fault("sigkill_prefetched", "SIGKILL with fetched jobs in hand", workers.sigkill_prefetched),
        Fault("sigstop_past_lease", "SIGSTOP past the lease, then SIGCONT", workers.sigstop_past_lease),
        Fault("retry_enqueue_fails", "The retry's enqueue fails", workers.retry_enqueue_fails),
        Fault(
            "exception_in_before_hook", "A dedupe hook raises; a job is sent twice", workers.exception_in_before_hook
        ),
        Fault("time_limit_in_after_hook", "A time limit fires in an after-hook", workers.time_limit_in_after_hook),
        Fault(
            "redis_restart_with_delayed",
            "Redis restarts, delayed jobs in hand",
            servers.redis_restart_with_delayed,
        ),
        Fault("redis_flushall", "FLUSHALL under load", servers.redis_flushall),
        Fault("redis_failover", "Redis forgets its last second, no more (a failover)", wires.redis_failover),
        Fault("lost_reply_to_enqueue", "The reply to an enqueue is lost", wires.lost_reply_to_enqueue),
        Fault("lost_reply_to_fetch", "The reply to a fetch is lost", wires.lost_reply_to_fetch),
        Fault(
            "lost_replies_to_commits",
            "The replies to the commits of a claim, an intent and a finish are lost",
            wires.lost_replies_to_commits,
            ours_only=True,
        ),
        Fault("undecodable_message", "Bytes that are no message, with four neighbours", servers.undecodable),
        Fault("postgres_restart", "PostgreSQL restarts under load", servers.postgres_restart, ours_only=True),
        Fault(
            "postgres_away",
            "PostgreSQL is gone (a minute; 10 s in short)",
            servers.postgres_away,
            ours_only=True,
        ),
        Fault("crash_between_retry_and_ack", "A crash between retry and ack", workers.crash_between_retry_and_ack),
        Fault("duplicate_tick", "Two schedulers tick in one window", servers.duplicate_tick),
        Fault("duplicate_dispatch", "The same job from two processes at once", servers.duplicate_dispatch),
        Fault(
            "crash_between_effect_and_confirmation",
            "A crash between an effect's call and its confirmation",
            workers.crash_between_effect_and_confirmation,
        ),
        Fault("poison", "A job that kills its worker, among forty others", workers.poison),
        Fault("graceful_stop", "A graceful stop with work in hand", workers.graceful_stop),
        Fault("postgres_disk_full", "PostgreSQL answers 53100 (disk full)", servers.disk_full, ours_only=True),
        Fault("nul_and_surrogate", "A NUL and a lone surrogate in arguments and errors", servers.nul_and_surrogate),
        Fault(
            "open_transaction_on_key",
            "A caller's transaction holds the key",
            servers.open_transaction,
            ours_only=True,
        ),
        Fault("prune_then_again", "Done, pruned, and ingested again", servers.prune_and_again),
    )
}
