"""One failed attempt as the rules see it. Knows the budgets and the symptoms; judges nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from policy import symptoms


@dataclass(frozen=True, slots=True)
class Budgets:
    """What a job has spent before this failure and may spend; `attempts_allowed` None is for ever.

    `throws` and `retry_when` are the actor's options of those names. `retry_when(attempts_spent, error)`
    takes the place of `attempts_allowed` wholly, as it does with Dramatiq's own Retries.
    """

    attempts_spent: int
    attempts_allowed: int | None
    throttles_spent: int = 0
    throttles_allowed: int = 100
    throws: tuple[type[BaseException], ...] = ()
    retry_when: Callable[[int, BaseException], bool] | None = None


@dataclass(frozen=True)
class Failure:
    """One failed attempt, looked at through one link of its chain of causes.

    `error` is what the actor raised; `link` is that, or what it was raised from; `outermost` says that no
    nearer link was looked at before. Symptoms are the link's, and are read when asked for.
    """

    error: BaseException
    link: BaseException
    outermost: bool
    attempt: int
    budgets: Budgets
    now: datetime

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of the link's class and of all it inherits from."""
        return symptoms.class_names(self.link)

    @cached_property
    def status(self) -> int | None:
        """HTTP status 400 to 599."""
        return symptoms.http_status_of(self.link)

    @cached_property
    def smtp_code(self) -> int | None:
        """SMTP reply code 400 to 599."""
        return symptoms.smtp_code_of(self.link)

    @cached_property
    def sqlstate(self) -> str | None:
        """SQLSTATE, five characters."""
        return symptoms.sqlstate_of(self.link)

    @cached_property
    def retry_after_s(self) -> float | None:
        """Seconds from now to the time named by `Retry-After`."""
        return symptoms.retry_after_s_of(self.link, self.now)

    @cached_property
    def retry_when_says(self) -> bool | Exception | None:
        """What the actor's `retry_when` says; the error it failed with itself; None where it is not given."""
        if self.budgets.retry_when is None:
            return None
        try:
            return bool(self.budgets.retry_when(self.budgets.attempts_spent, self.error))
        except Exception as mistake:  # the author's code, at the edge of ours: a rule of its own judges it
            return mistake
