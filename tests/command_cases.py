"""Commands as tests run them: in this process, on the test's own servers, with what they print caught."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from models.database import query
from models.ledger.dispatch import Wanted
from models.ledger.finish import finish
from scripts.main import main
from tests.ledger_cases import DEDUPE_S, claimed, death, dispatched, registered

#: Stands in the arguments of every job of these cases; no command may print it unless asked.
SECRET = "the-understudy"
PAYLOAD = json.dumps({"actor_name": "actor", "args": [SECRET], "kwargs": {"word": SECRET}}).encode()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Its standard output as JSON."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[str]:
        """The lines of its table, titles left out."""
        return self.out.splitlines()[1:]


class Callboard:
    """`callboard <words>`."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: object) -> Ended:
        self._capsys.readouterr()
        code = main([str(word) for word in words])
        said = self._capsys.readouterr()
        return Ended(code, said.out, said.err)


def job_with_secret(key: str | None = None, **changes: Any) -> Wanted:
    """A job whose arguments hold SECRET."""
    return dispatched(key, payload=PAYLOAD, **changes)


def dead_letter(key: str | None = None, *, redis_id: str | None = None, **changes: Any) -> tuple[UUID, UUID]:
    """A dead job whose arguments hold SECRET, and its open letter."""
    holder, job = registered(), job_with_secret(key, **changes)
    finish(holder.id, [death(claimed(holder, job), redis_id=redis_id)], dedupe_s=DEDUPE_S)
    return job.id, query("SELECT id FROM dead_letter WHERE job_id = %s", (job.id,))[0][0]
