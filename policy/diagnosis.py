"""What is wrong with a set-up, told from facts: a problem and its remedy, or nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from policy.settings import Settings

#: Oldest versions that are supported (docs/architecture.md): PostgreSQL 14, Redis 6.2.
POSTGRES_LEAST = 14
REDIS_LEAST = (6, 2)
#: Clocks further apart than this, in s, make `max_age`, delays and the times of dead letters wrong.
SKEW_MAX_S = 2.0
#: So many letters in an hour, and twice as many as in the hour before, are growth and not chance.
GROWTH_LEAST = 10
#: A window without outcome for so many windows has been given up by whoever dispatched it.
WINDOWS_OPEN_MAX = 3
#: The oldest due job of a queue that is served waits at most so long, in s (as maintenance has it).
STALE_DUE_S = 1_800.0


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, under a stable name, and what to do about it."""

    name: str
    text: str
    remedy: str

    @property
    def line(self) -> str:
        """On one line."""
        return f"{self.name}: {self.text}. {self.remedy}"


@dataclass(frozen=True, slots=True)
class Beat:
    """A worker that nobody has seen end: where it runs, its code, and the age of its last beat in s."""

    id: str
    place: str
    code_version: str
    beat_age_s: float


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """One look at the ledger; ages in s. `queue_ages` are of the oldest due job of each queue, served or not."""

    postgres_major: int
    workers: Sequence[Beat]
    queue_ages: Mapping[str, float]
    served: frozenset[str]
    windows_open: int
    windows_failed: int
    newest_window_age_s: float | None
    died_last_hour: int
    died_hour_before: int
    unknown_effects: int


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """One look at Redis; None where it does not tell. `skew_s`: its clock less the database's."""

    version: tuple[int, int] | None
    eviction: str | None
    append_only: bool | None
    skew_s: float
    strays: int


def setting_problems(settings: Settings, clamped: Sequence[str]) -> Iterator[Problem]:
    """Settings out of range, and those that contradict each other."""
    for warning in clamped:
        yield Problem("setting_clamped", warning, "Correct the environment.")
    if settings.force_inline and settings.inline_emergency:
        yield Problem(
            "settings_contradict",
            "CALLBOARD_FORCE_INLINE makes CALLBOARD_INLINE_EMERGENCY meaningless",
            "Switch one of them off.",
        )
    if (half := half_of_a_model(settings)) is not None:
        yield half


def half_of_a_model(settings: Settings) -> Problem | None:
    """What a model that is configured lacks: the deterministic drafter writes, which nobody may have meant."""
    needed = {"CALLBOARD_LLM_BASE_URL": settings.llm_base_url, "CALLBOARD_LLM_MODEL": settings.llm_model}
    given = [name for name, value in (needed | {"CALLBOARD_LLM_API_KEY": settings.llm_api_key}).items() if value]
    missing = [name for name, value in needed.items() if not value]
    if not given or not missing:
        return None
    return Problem(
        "settings_contradict",
        f"{' and '.join(given)} without {' and '.join(missing)}: the deterministic drafter is used",
        f"Set {' and '.join(missing)}, or unset {' and '.join(given)}.",
    )


def ledger_problems(facts: LedgerFacts, settings: Settings, code_version: str) -> Iterator[Problem]:
    """What the ledger tells."""
    if facts.postgres_major < POSTGRES_LEAST:
        old = f"PostgreSQL {facts.postgres_major} is older than {POSTGRES_LEAST}"
        yield Problem("postgres_old", old, f"Upgrade it to {POSTGRES_LEAST} or newer.")
    yield from _workers(facts, settings, code_version)
    yield from _queues(facts)
    yield from _windows(facts, settings)
    yield from _letters(facts)


def redis_problems(facts: RedisFacts) -> Iterator[Problem]:
    """What Redis tells."""
    if facts.version is not None and facts.version < REDIS_LEAST:
        told, least = (".".join(map(str, version)) for version in (facts.version, REDIS_LEAST))
        yield Problem(
            "redis_old", f"Redis {told} is older than {least}", f"Upgrade it to {least} or newer, or to Valkey."
        )
    if facts.eviction not in (None, "noeviction"):
        yield Problem(
            "redis_evicts",
            f"Redis evicts keys when its memory is full (maxmemory-policy {facts.eviction})",
            "Set maxmemory-policy noeviction, in a database of Callboard's own.",
        )
    if facts.append_only is False:
        yield Problem(
            "redis_forgets",
            "Redis keeps no append-only file: a restart loses plain sends that nobody has claimed",
            "Set appendonly yes.",
        )
    if abs(facts.skew_s) > SKEW_MAX_S:
        text = f"the clocks of Redis and of the database are {abs(facts.skew_s):.1f} s apart"
        yield Problem("clock_skew", text, "Have both hosts keep time (NTP).")
    if facts.strays:
        yield Problem(
            "stray_letters",
            f"Redis holds {facts.strays} dead entries that the ledger does not know",
            "Look with `callboard dlq list`, take them in with `callboard dlq adopt --all`.",
        )


def _workers(facts: LedgerFacts, settings: Settings, code_version: str) -> Iterator[Problem]:
    for worker in facts.workers:
        if worker.beat_age_s > settings.lease_s:
            text = f"worker {worker.id} ({worker.place}) has not beaten for {worker.beat_age_s:.0f} s"
            yield Problem("worker_silent", text, "If it is gone, a living worker declares it lost: see that one runs.")
        elif worker.code_version != code_version:
            text = f"worker {worker.id} ({worker.place}) runs {worker.code_version}, installed is {code_version}"
            yield Problem("worker_outdated", text, "Restart it.")


def _queues(facts: LedgerFacts) -> Iterator[Problem]:
    for queue, age_s in sorted(facts.queue_ages.items()):
        if queue not in facts.served:
            text = f"jobs of queue {queue} are due, the oldest for {age_s:.0f} s, and no living worker serves it"
            yield Problem("queue_unserved", text, f"Start one: `callboard worker --queues {queue}`.")
        elif age_s > STALE_DUE_S:
            text = f"the oldest due job of queue {queue} has waited for {age_s:.0f} s"
            yield Problem("queue_stalled", text, "See the runbook of a stalled queue in docs/operating.md.")


def _windows(facts: LedgerFacts, settings: Settings) -> Iterator[Problem]:
    if facts.windows_failed:
        yield Problem(
            "windows_failed",
            f"{facts.windows_failed} dispatch windows could not be enqueued",
            "`callboard windows list --status ENQUEUE_FAILED` says why; the next tick tries again.",
        )
    if facts.windows_open:
        yield Problem(
            "windows_stuck",
            f"{facts.windows_open} dispatch windows have no outcome",
            "See the runbook of a stuck window in docs/operating.md.",
        )
    quiet_s = facts.newest_window_age_s
    if quiet_s is not None and quiet_s > WINDOWS_OPEN_MAX * settings.dispatch_window_s:
        text = f"nobody has dispatched a window for {quiet_s:.0f} s"
        yield Problem("schedule_quiet", text, "Start the scheduler: `callboard tick --every 10`.")


def _letters(facts: LedgerFacts) -> Iterator[Problem]:
    if facts.died_last_hour >= max(GROWTH_LEAST, 2 * facts.died_hour_before):
        text = f"dead letters grow: {facts.died_last_hour} in the last hour, {facts.died_hour_before} in the one before"
        yield Problem("letters_grow", text, "Look with `callboard dlq list --by fingerprint --since 1h`.")
    if facts.unknown_effects:
        yield Problem(
            "outcomes_unknown",
            f"{facts.unknown_effects} effects may or may not have happened, and are held",
            "`callboard dlq list --reason outcome_unknown` names them; `callboard dlq settle` ends them.",
        )
