"""Which failures of an effect's call prove that nothing has happened on the other side."""

from __future__ import annotations

import smtplib
import socket

import pytest

from policy.effects import definitely_refused
from policy.errors import NothingDone, OutcomeUnknown, Terminal

PROOF = [
    NothingDone("the connection broke before the mail was handed over"),
    Terminal("not a mail"),
    ConnectionRefusedError(),
    socket.gaierror(),
    smtplib.SMTPDataError(554, b"no"),
]
NO_PROOF = [TimeoutError(), ConnectionResetError(), OutcomeUnknown(), RuntimeError()]


@pytest.mark.parametrize("error", PROOF, ids=lambda error: type(error).__name__)
def test_a_failure_before_the_other_side_acted_proves_that_nothing_happened(error: Exception) -> None:
    proven = definitely_refused(error)

    assert proven


@pytest.mark.parametrize("error", NO_PROOF, ids=lambda error: type(error).__name__)
def test_a_failure_at_any_time_proves_nothing(error: Exception) -> None:
    proven = definitely_refused(error)

    assert not proven
