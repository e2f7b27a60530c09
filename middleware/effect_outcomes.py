"""Writes down how an effect ended, however long the ledger is away: it is a fact, whoever holds the job by now.

It must not know how the effect was decided or called.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg2

from middleware import metrics
from middleware.envelopes import json_text
from middleware.logs import event
from middleware.worker_process import WorkerProcess
from models.faults import is_infrastructure
from models.ledger import effects as ledger
from policy.states import EffectState

#: Seconds over which an outcome is still tried while the ledger is away and the worker stops, and between two tries.
CONFIRM_S = 20.0
CONFIRM_WAIT_S = 0.25


def write_outcome(
    process: WorkerProcess, key: str, kind: str, state: EffectState, intent: int, result: Any
) -> bool | None:
    """The effect of that key and intent has come to `state`; `result` is what its call gave.

    True: it stands so. False: it stands otherwise already. None: given up, because the worker stops or the ledger
    refuses it.
    """
    try:
        before = _written(process, key, state, intent, json_text(result))
    except psycopg2.Error as error:
        event("effect_unrecorded", "ERROR", effect_key=key, state=state.value, error=error)
        return None
    if before is None:
        event("effect_moved_meanwhile", "ERROR", effect_key=key, state=state.value)
        if state is EffectState.CONFIRMED:
            _note_overtaken(key, kind, intent)
        return False
    metrics.effect_settled(kind, state.value)
    late = before is not EffectState.INTENDED and state is EffectState.CONFIRMED
    level = "ERROR" if late or state is EffectState.UNKNOWN else "INFO"
    event("effect_settled", level, effect_key=key, kind=kind, state=state.value, before=before.value)
    return True


def _written(process: WorkerProcess, key: str, state: EffectState, intent: int, text: str | None) -> EffectState | None:
    """The state before; None where it stands otherwise. Raises psycopg2.Error when it is given up."""
    deadline_s, asked = None, False
    while True:
        try:
            before = ledger.settle(key, intent, state, text)
            if before is None and asked and ledger.stands(key, intent, state):
                return EffectState.INTENDED  # it was we: only the reply was lost
            return before
        except psycopg2.Error as error:
            if not is_infrastructure(error):
                if text is None:
                    raise
                # The fact matters more than the result that the ledger refuses.
                event("effect_result_refused", "ERROR", effect_key=key, error=error)
                text = None
                continue
            if deadline_s is None and process.stopping.is_set():
                deadline_s = time.monotonic() + CONFIRM_S
            if deadline_s is not None and time.monotonic() > deadline_s:
                raise
            asked = True
            time.sleep(CONFIRM_WAIT_S)


def _note_overtaken(key: str, kind: str, intent: int) -> None:
    """Our call went through and a newer intent stands: that is how an effect happens twice, and it must be seen."""
    try:
        if ledger.note_overtaken(key, intent):
            event("effect_duplicated", "ERROR", effect_key=key, kind=kind)
    except psycopg2.Error as error:
        event("effect_unrecorded", "ERROR", effect_key=key, state="overtaken", error=error)
