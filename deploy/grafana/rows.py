"""What the Grafana dashboard asks, row by row; every query names a metric that exists (tested). Knows no layout."""

from __future__ import annotations

from dataclasses import dataclass

#: The actors that were chosen at the top of the board.
_A = '{actor=~"$actor"}'


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture of one question: its queries by legend, and what to make of the answer."""

    title: str
    queries: dict[str, str]
    meaning: str
    unit: str = "short"
    kind: str = "timeseries"
    #: Value from which on the panel is red; None: never.
    red: float | None = None
    exemplars: bool = False


def per_second(metric: str, by: str, where: str = "") -> str:
    """How many a second, by these labels."""
    return f"sum by ({by}) (rate(callboard_{metric}{where}[$__rate_interval]))"


def quantile(share: float, metric: str, by: str, where: str = "") -> str:
    """The value that this share of the observations stays below."""
    return f"histogram_quantile({share}, {per_second(f'{metric}_bucket', f'{by}, le', where)})"


def stat(title: str, query: str, meaning: str, *, red: float | None = None, unit: str = "short") -> Panel:
    """A single number."""
    return Panel(title, {"": query}, meaning, unit=unit, kind="stat", red=red)


OVERVIEW = (
    stat("Workers alive", "max(callboard_workers_alive)", "Worker processes that beat. 0: nothing runs."),
    stat("Outcomes unknown", "max(callboard_effects_unknown)", "Each waits for a person.", red=1),
    stat("Effects doubled", "max(callboard_effects_duplicated)", "Found within a day. Must be 0.", red=1),
    Panel("Jobs finished", {"{{state}}": per_second("jobs_finished_total", "state")}, "By final state.", "ops"),
    Panel("Jobs dispatched", {"{{source}}": per_second("jobs_dispatched_total", "source")}, "By who asked.", "ops"),
    Panel(
        "Oldest due job",
        {"{{queue}}": "callboard:queue_oldest_age_seconds:max"},
        "Time since it fell due, unclaimed. Empty while nothing waits; pages after 300 s.",
        "s",
        red=300,
    ),
    Panel("Ready copies", {"{{queue}}": "max by (queue) (callboard_queue_depth)"}, "In Redis, not yet fetched."),
    Panel(
        "In progress", {"{{queue}}": "sum by (queue) (callboard_jobs_in_progress)"}, "Messages inside worker threads."
    ),
    Panel(
        "Promise broken",
        {"one hour": "callboard:replies_bad:ratio_rate1h", "three days": "callboard:replies_bad:ratio_rate3d"},
        "Share of replies later than 300 s after they were due, or dead. 1 % is allowed. Empty while there are none.",
        "percentunit",
        red=0.01,
    ),
)
ACTORS = (
    Panel(
        "Attempts",
        {"{{actor}} {{outcome}}": per_second("attempts_total", "actor, outcome", _A)},
        "By run status.",
        "ops",
    ),
    Panel(
        "Failure ratio",
        {"{{actor}}": f"callboard:attempt_failures:ratio_rate15m{_A}"},
        "Failed or lost, of all attempts of 15 minutes.",
        "percentunit",
        red=0.2,
    ),
    Panel(
        "Verdicts", {"{{verdict}} {{rule}}": per_second("verdicts_total", "verdict, rule", _A)}, "On failures.", "ops"
    ),
    Panel(
        "Duration",
        {
            "{{actor}} half": quantile(0.5, "attempt_duration_seconds", "actor", _A),
            "{{actor}} 99 %": quantile(0.99, "attempt_duration_seconds", "actor", _A),
        },
        "Start to end; the dots are attempts by their run key: `callboard runs show KEY`.",
        "s",
        exemplars=True,
    ),
    Panel(
        "Queue wait",
        {"{{actor}} 99 %": quantile(0.99, "queue_wait_seconds", "actor", _A)},
        "Due to claimed.",
        "s",
        exemplars=True,
    ),
    Panel(
        "Refused",
        {
            "duplicate dispatch {{actor}}": per_second("jobs_duplicate_total", "actor", _A),
            "copy {{outcome}}": per_second("copies_refused_total", "outcome", _A),
            "stale write {{actor}}": per_second("stale_writes_rejected_total", "actor", _A),
        },
        "What was kept from being done twice.",
        "ops",
    ),
    Panel("Lost attempts", {"{{actor}}": per_second("lost_attempts_total", "actor", _A)}, "Their worker went.", "ops"),
)
CLIENTS = (
    Panel(
        "Jobs finished by client",
        {"{{client}}": per_second("jobs_finished_by_client_total", "client", '{client=~"$client"}')},
        "The first 50 clients of a host by name, later ones as `other`.",
        "ops",
    ),
    Panel(
        "Dead jobs by client",
        {"{{client}}": per_second("jobs_finished_by_client_total", "client", '{client=~"$client",state="dead"}')},
        "Whose jobs die.",
        "ops",
    ),
)
LETTERS = (
    Panel("Open", {"{{reason}}": "callboard:dead_letters_open:max"}, "Dead letters that nobody has resolved."),
    Panel("Oldest", {"age": "max(callboard_dead_letter_oldest_age_seconds)"}, "How long it has been dead.", "s"),
    Panel("Deaths", {"{{actor}} {{reason}}": per_second("dead_letters_total", "actor, reason", _A)}, "Why.", "ops"),
)
EFFECTS = (
    Panel("Effects", {"{{kind}} {{state}}": per_second("effects_total", "kind, state")}, "By state entered.", "ops"),
    Panel(
        "Gate refusals", {"{{reason}}": per_second("guardrail_refusals_total", "reason")}, "Replies not sent.", "ops"
    ),
    Panel(
        "Reply lateness",
        {"99 %": quantile(0.99, "reply_lateness_seconds", "job").replace("by (job, le)", "by (le)")},
        "From a reply's promise to its sending.",
        "s",
    ),
)
LEDGER = (
    Panel(
        "Statements",
        {
            "{{operation}} half": quantile(0.5, "ledger_seconds", "operation"),
            "{{operation}} 99 %": "callboard:ledger_seconds:p99_5m",
        },
        "One statement with its commit.",
        "s",
        red=0.5,
    ),
    Panel(
        "Rows a statement",
        {
            "{{operation}}": f"{per_second('ledger_batch_size_sum', 'operation')} /"
            f" ({per_second('ledger_batch_size_count', 'operation')} > 0)"
        },
        "How well claims and finishes share commits.",
    ),
    Panel(
        "Windows of ten minutes",
        {
            "{{status}}": "max by (status) (callboard_dispatch_windows_recent)",
            "missing": "max(callboard_dispatch_windows_missing)",
            "without outcome": "max(callboard_dispatch_windows_without_outcome)",
        },
        "Dispatch windows by status; those nobody ticked in, and those past their time.",
    ),
    Panel(
        "Windows closed",
        {"{{status}}": per_second("dispatch_windows_total", "status")},
        "By the status they got.",
        "ops",
    ),
    Panel(
        "Losses",
        {
            "workers lost": "sum(increase(callboard_workers_lost_total[$__rate_interval]))",
            "recoveries": "sum(increase(callboard_recovery_seconds_count[$__rate_interval]))",
            "hook failures": "sum(increase(callboard_hook_failures_total[$__rate_interval]))",
            "relay {{step}}": "sum by (step) (increase(callboard_relay_failures_total[$__rate_interval]))",
            "log lines": "sum(increase(callboard_log_lines_lost_total[$__rate_interval]))",
        },
        "What broke and was repaired.",
    ),
    Panel(
        "Counted and in rows",
        {"counted": "callboard:jobs_finished:increase10m", "rows": "max(callboard_jobs_finished_rows)"},
        "Finished jobs of ten minutes: what processes counted, and what the ledger says.",
    ),
    Panel(
        "Readable",
        {"ledger": "max(callboard_ledger_readable)", "redis": "max(callboard_redis_readable)"},
        "0: no endpoint reaches it.",
    ),
    Panel(
        "Reading at the scrape",
        {"{{instance}}": "callboard_scrape_reading_seconds"},
        "How long the gauges took.",
        "s",
        red=2,
    ),
)
ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    ("Overview", OVERVIEW),
    ("Actors", ACTORS),
    ("Clients", CLIENTS),
    ("Dead letters", LETTERS),
    ("Effects and replies", EFFECTS),
    ("Ledger and servers", LEDGER),
)
