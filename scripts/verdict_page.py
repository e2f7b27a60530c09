"""The page docs/verdicts.md, made from the rule table: `python -m scripts.verdict_page > docs/verdicts.md`."""

from __future__ import annotations

from policy.rules import RULES, VerdictKind
from policy.states import DeadReason
from policy.verdicts import LONGEST_THROTTLE_S, SHORTEST_WAIT_S, UNCLASSIFIED

#: What each verdict means, what it spends, and how its attempt closes (DESIGN §7).
_KINDS: dict[VerdictKind, tuple[str, str, str]] = {
    VerdictKind.RETRY: ("may work later: waits 2ⁿ s and up to 1 s of chance, at most 15 min", "an attempt", "`FAILED`"),
    VerdictKind.THROTTLED: ("the other side said wait: at its time", "a throttle", "`FAILED`"),
    VerdictKind.RESCHEDULE: ("not now, and nobody's fault: at the time asked for", "nothing", "`RESCHEDULED`"),
    VerdictKind.TERMINAL: ("can never work: dead at once", "nothing", "`FAILED`"),
    VerdictKind.UNKNOWN: (
        f"an effect may or may not have happened: dead, `{DeadReason.OUTCOME_UNKNOWN}`, for an operator",
        "nothing",
        "`FAILED`",
    ),
    VerdictKind.CANCEL: ("no longer wanted: closed quietly", "nothing", "`CANCELLED`"),
}


def page() -> str:
    """The whole page, with its last newline."""
    return "\n".join([*_head(), *_kinds(), *_rules(), *_foot()]) + "\n"


def _head() -> list[str]:
    return [
        "# Verdicts",
        "",
        "What becomes of a job whose attempt has failed. Made from `policy/rules.py`; a test compares the two.",
        "To make it anew: `python -m scripts.verdict_page > docs/verdicts.md`. The verdict and the rule's id stand in",
        "the attempt's row (`verdict`, `rule`) and in `callboard_verdicts_total`.",
        "",
    ]


def _kinds() -> list[str]:
    rows = [f"| `{kind}` | {means} | {spends} | {closes} |" for kind, (means, spends, closes) in _KINDS.items()]
    return ["| verdict | meaning | spends | the attempt closes as |", "|---|---|---|---|", *rows, ""]


def _rules() -> list[str]:
    rows = [
        f"| {number} | `{rule.id}` | {rule.description} | `{rule.kind}`{', for the last time' if rule.final else ''} |"
        for number, rule in enumerate(RULES, start=1)
    ]
    return [
        "## The rules, in order",
        "",
        "The first that matches decides. An error's causes are looked at from the outermost inwards.",
        "",
        "| | rule | matches | verdict |",
        "|---|---|---|---|",
        *rows,
        f"| | `{UNCLASSIFIED}` | nothing above | `{VerdictKind.RETRY}` |",
        "",
    ]


def _foot() -> list[str]:
    return [
        "## Budgets and options",
        "",
        "Attempts allowed are `max_retries` + 1 (default 4 retries). `max_retries`, `min_backoff` and `max_backoff`,",
        "`throws`, `retry_when`, `time_limit` and `max_age` are Dramatiq's own actor options and keep their meaning.",
        "Throttles have a budget of their own.",
        f"A throttled or rescheduled job waits at least {SHORTEST_WAIT_S:g} s; however late the other side says, it is",
        f"asked again after {LONGEST_THROTTLE_S / 3600:g} h. Crashes are counted apart:",
        "after `CALLBOARD_MAX_CRASHES` lost workers the job is dead (`poison`).",
        "A shutdown, a give-back or a lost worker spends nothing.",
    ]


if __name__ == "__main__":
    print(page(), end="")
