"""The peers: how each is installed, set up and run, and what survives in each. It must not know how a rate is taken."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Peer:
    """One system under one setting. Variants of a peer share an `environment`.

    `worker` is a command of that environment. `prepared`: its module is called with `prepare` once a round.
    """

    name: str
    environment: str
    packages: tuple[str, ...]
    module: str
    worker: tuple[str, ...]
    setting: str
    durable: str
    share: float = 0.2
    prepared: bool = False
    environ: dict[str, str] = field(default_factory=dict)

    def count(self, asked: int) -> int:
        """Jobs of a round: slow peers take fewer, so that a round stays short."""
        return max(1, round(asked * self.share))


_CELERY_PACKAGES = ("celery[redis,sqlalchemy]", "psycopg2-binary")
_CELERY = (
    *("celery", "-A", "benchmarks.peer_plays.celery_play", "worker", "-P", "threads", "-c", "8"),
    *("--without-gossip", "--without-mingle", "-l", "WARNING"),
)
_CELERY_SETTING = "1 process, 8 threads, prefetch 64 a thread, without gossip and mingle"


def _celery(name: str, variant: str, durable: str) -> Peer:
    return Peer(
        name,
        "celery",
        _CELERY_PACKAGES,
        "celery_play",
        _CELERY,
        _CELERY_SETTING,
        durable,
        environ={"BENCH_VARIANT": variant},
    )


PEERS: dict[str, Peer] = {
    one.name: one
    for one in (
        _celery("celery", "plain", "jobs in Redis, acked before they run: one in hand at a kill is lost; no results"),
        _celery("celery-results", "results", "the same, and each result a committed row in PostgreSQL"),
        _celery("celery-late", "late", "jobs in Redis, acked after they ran, redelivered after an hour; no results"),
        Peer(
            "procrastinate",
            "procrastinate",
            ("procrastinate", "psycopg-binary"),
            "procrastinate_play",
            ("procrastinate", "-a", "benchmarks.peer_plays.procrastinate_play.app", "worker", "-c", "8"),
            "1 process, 8 asynchronous jobs at a time",
            "job, state and events are committed rows in PostgreSQL",
            prepared=True,
        ),
        Peer(
            "dbos",
            "dbos",
            ("dbos",),
            "dbos_play",
            ("python", "-m", "benchmarks.peer_plays.dbos_play", "work"),
            "1 process, its own thread pool, a queue without limits, polled each second",
            "workflow status, input and output are committed rows in PostgreSQL",
            share=0.1,
            prepared=True,
        ),
        Peer(
            "taskiq",
            "taskiq",
            ("taskiq", "taskiq-redis"),
            "taskiq_play",
            (
                *("taskiq", "worker", "benchmarks.peer_plays.taskiq_play:broker", "--workers", "1"),
                *("--log-level", "WARNING"),
            ),
            "1 process, 100 asynchronous jobs at a time (its default)",
            "jobs in a Redis stream, acked after they ran; no results",
            share=0.5,
        ),
        Peer(
            "arq",
            "arq",
            ("arq",),
            "arq_play",
            ("arq", "benchmarks.peer_plays.arq_play.WorkerSettings"),
            "1 process, 100 asynchronous jobs at a time, poll each 10 ms",
            "jobs in Redis until they ran; no results",
        ),
        Peer(
            "huey",
            "huey",
            ("huey", "redis"),
            "huey_play",
            ("huey_consumer", "benchmarks.peer_plays.huey_play.huey", "-w", "8", "-k", "thread", "-n", "-q"),
            "1 process, 8 threads",
            "nothing of a job that was taken: one in hand at a kill is lost; no results",
            share=0.5,
        ),
        Peer(
            "rq",
            "rq",
            ("rq",),
            "rq_play",
            ("rq", "worker", "-q", "bench"),
            "1 worker that forks for each job (its default)",
            "jobs in Redis, a started one in a registry; no results",
            share=0.03,
        ),
        Peer(
            "rq-simple",
            "rq",
            ("rq",),
            "rq_play",
            ("rq", "worker", "-q", "-w", "rq.SimpleWorker", "bench"),
            "1 worker that runs jobs itself (SimpleWorker)",
            "jobs in Redis, a started one in a registry; no results",
        ),
    )
}
