"""Which monthly partitions of the attempts are to be made, and which hold nothing younger than retention.

Knows names and dates only; the tables belong to the ledger.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

#: Months that are made ahead, beside the current one: a maintenance that is away for weeks is still in time.
MONTHS_AHEAD = 2

_NAME = re.compile(r"background_function_run_(?P<year>[0-9]{4})_(?P<month>0[1-9]|1[0-2])")


def month_start(moment: datetime, months_on: int = 0) -> datetime:
    """The first moment (UTC) of the month of `moment` (aware), or of one so many months later."""
    moment = moment.astimezone(timezone.utc)
    count = moment.year * 12 + moment.month - 1 + months_on
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=timezone.utc)


def partition_name(moment: datetime) -> str:
    """The partition of the attempts claimed in the month of `moment`."""
    return f"background_function_run_{month_start(moment):%Y_%m}"


def months_to_have(now: datetime) -> list[datetime]:
    """First moments of the months whose partitions must exist at `now`."""
    return [month_start(now, months_on) for months_on in range(MONTHS_AHEAD + 1)]


def expired_partitions(names: Iterable[str], now: datetime, retention_days: int) -> list[str]:
    """Those of `names` whose whole month ended more than `retention_days` ago; names of another kind are left alone."""
    horizon = now - timedelta(days=retention_days)
    expired = []
    for name in names:
        match = _NAME.fullmatch(name)
        if (
            match
            and month_start(datetime(int(match["year"]), int(match["month"]), 1, tzinfo=timezone.utc), 1) <= horizon
        ):
            expired.append(name)
    return sorted(expired)
