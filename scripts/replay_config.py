"""What a replay was asked for, as its artifact keeps it. Keys in camelCase, as everywhere in the artifact."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from messaging.replay.evaluation import Bar
    from messaging.replay.selection import Ask, Selection
    from policy.settings import Settings


def bar_of(args: argparse.Namespace) -> Bar:
    """The threshold that is asked for, or its profile's, and the band."""
    from messaging.replay.evaluation import THRESHOLDS, Bar

    threshold = THRESHOLDS[args.judge_profile] if args.judge_threshold is None else args.judge_threshold
    return Bar(threshold, args.adjudication_band)


def ask_of(args: argparse.Namespace, now: Any) -> Ask:
    """The selection that is asked for."""
    from messaging.replay.selection import Ask

    return Ask(
        now=now,
        client_id=args.client_id,
        thread_ids=(*args.thread_ids, *args.thread_ids_file),
        channel=args.channel,
        since=args.since,
        until=args.until,
        limit=args.limit,
    )


def config_told(args: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """The run's configuration. The model's key is no part of it."""
    from messaging.replay.artifact import instant
    from messaging.replay.judge_prompt import JUDGE_PROMPT_KEY, JUDGE_SYSTEM_PROMPT
    from middleware.code_version import code_version

    bar = bar_of(args)
    judged = settings.llm_base_url is not None and settings.llm_model is not None
    return {
        "mode": "cases" if args.jobs is None else "jobs",
        "clientId": args.client_id,
        "threadIds": [str(one) for one in (*args.thread_ids, *args.thread_ids_file)],
        "jobs": args.jobs,
        "channel": args.channel,
        "from": instant(args.since),
        "to": instant(args.until),
        "limit": args.limit,
        "concurrency": args.concurrency,
        "retries": args.retries,
        "dryRun": args.dry_run,
        "allowEmpty": args.allow_empty,
        "keepDrafts": args.keep_drafts,
        "offerSlots": not args.no_slots,
        "judgeProfile": args.judge_profile,
        "judgeThreshold": bar.threshold,
        "adjudicationBand": list(bar.band),
        "judgePromptKey": JUDGE_PROMPT_KEY,
        "judgeSystemPrompt": JUDGE_SYSTEM_PROMPT,
        "judgeModel": settings.llm_model if judged else None,
        "drafterModel": settings.llm_model if judged else "deterministic",
        "baselineRunId": args.baseline.run_id if args.baseline else None,
        "codeVersion": code_version(),
    }


def selection_told(selection: Selection | None, *, candidates: int, selected: int) -> dict[str, Any]:
    """What was selected, out of how many, and from when."""
    from messaging.replay.artifact import instant

    return {
        "from": instant(selection.since) if selection else None,
        "to": instant(selection.until) if selection else None,
        "widened": selection.widened if selection else False,
        "candidates": candidates,
        "selected": selected,
        "missing": [str(one) for one in selection.missing] if selection else [],
        "warnings": selection.warnings if selection else [],
    }
