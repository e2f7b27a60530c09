"""Which dead letters a command means: the options that filter them, shared by `dlq list` and `dlq plan`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from models.readings.letters import LetterFilter
from policy.states import DeadReason, Resolution
from scripts.listing import add_client_option, add_correlation_option, add_words_option

#: Options by the attribute they fill, as a plan notes them.
_NOTED = ["client_id", "actor", "queue", "reasons", "error_class", "fingerprint", "correlation", "text"]
_NOTED += ["since", "until"]


def add_filter_options(parser: argparse.ArgumentParser) -> None:
    """`--client-id`, `--actor`, `--queue`, `--reason`, `--error-class`, `--fingerprint`, `--correlation`, `--text`."""
    add_client_option(parser)
    parser.add_argument("--actor", help="of this actor")
    parser.add_argument("--queue", help="of this queue")
    add_words_option(parser, "--reason", DeadReason, "reasons")
    parser.add_argument("--error-class", metavar="NAME", help="died of this error")
    parser.add_argument("--fingerprint", help="with this fingerprint")
    add_correlation_option(parser)
    parser.add_argument("--text", help="whose error says this, in any case")


def filter_of(args: argparse.Namespace, resolutions: Sequence[Resolution] = (Resolution.OPEN,)) -> LetterFilter:
    """What the options ask for."""
    return LetterFilter(
        client_id=args.client_id,
        actor=args.actor,
        queue=args.queue,
        reasons=args.reasons,
        resolutions=resolutions,
        error_class=args.error_class,
        fingerprint=args.fingerprint,
        correlation_id=args.correlation,
        text=args.text,
    )


def noted_filters(args: argparse.Namespace) -> dict[str, str]:
    """The options that were given, as text."""
    given = {name: getattr(args, name) for name in _NOTED}
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in given.items()
        if value
    }
