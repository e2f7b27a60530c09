"""How fast an operator's plan goes: so many letters a second, in batches small enough to be even. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Letters in one transaction when nobody asks for a pace.
BATCH = 500
#: A paced batch is about so many seconds of work, one letter at least.
_STEP_S = 0.1
_RATE = re.compile(r"(?P<count>[0-9]{1,6}(?:\.[0-9]{1,6})?)(?:/(?P<unit>s|m|h))?")
_UNIT_S = {None: 1, "s": 1, "m": 60, "h": 3_600}


@dataclass(frozen=True, slots=True)
class Pace:
    """`per_s` letters a second; None: as fast as it goes."""

    per_s: float | None = None

    @property
    def batch(self) -> int:
        """Letters in one transaction."""
        return BATCH if self.per_s is None else max(1, min(BATCH, int(self.per_s * _STEP_S)))

    def wait_s(self, moved: int, since_start_s: float) -> float:
        """Seconds until the next batch may go, when `moved` letters have gone since the start."""
        return 0.0 if self.per_s is None else max(0.0, moved / self.per_s - since_start_s)


def read_pace(text: str) -> Pace:
    """`5/s`, `90/m`, `10000/h`, `0.5`. Raises ValueError."""
    found = _RATE.fullmatch(text.strip())
    per_s = float(found["count"]) / _UNIT_S[found["unit"]] if found else 0.0
    if per_s <= 0:
        raise ValueError(f"{text!r} is no rate: 5/s, 90/m, 10000/h")
    return Pace(per_s)
