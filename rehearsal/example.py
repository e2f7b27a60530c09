"""Two actors to try the kit on: one sends a mail, one sends a mail and has a follow-up. Yours go in their place."""

from __future__ import annotations

import os
import smtplib
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import dramatiq

from actors.effects import once


@dramatiq.actor
def write_to(address: str) -> None:
    """One mail, once, whatever happens."""
    once(f"welcome:{address}", lambda key: _submit(address, key), kind="mail")


@dramatiq.actor(on_success="tell")
def write_and_tell(address: str) -> str:
    """The same; what follows from its success is a job of its own, inserted as it is finished."""
    once(f"copy:{address}", lambda key: _submit(address, key), kind="mail")
    return address


@dramatiq.actor
def tell(_message: dict[str, Any], address: str) -> None:
    """The follow-up: a second mail."""
    once(f"told:{address}", lambda key: _submit(f"copy-{address}", key), kind="mail")


def _submit(address: str, key: str) -> dict[str, str]:
    """Hand the mail over; smtplib's time-out is far shorter than the lease."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "house@example.org", address, "Welcome"
    mail["Message-ID"] = f"<{key.replace(':', '.')}@example.org>"
    mail.set_content("Good to have you here.")
    server = urlsplit(os.environ["CALLBOARD_SMTP_URL"])
    with smtplib.SMTP(server.hostname or "", server.port or 25, timeout=5) as client:
        client.send_message(mail)
    return {"message_id": mail["Message-ID"]}
