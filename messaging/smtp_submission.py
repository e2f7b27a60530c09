"""One mail submitted over SMTP, with certainty about which side of the final dot a failure fell on.

A server has taken a mail when it answers the final dot with 2yz, and may have taken it as soon as it saw the dot
(RFC 5321 §6.1). `smtplib.SMTP.data` sends body and dot in one write and raises the same error for a connection
lost before and after it, so the commands are driven one by one here.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import getaddresses

from policy.errors import OutcomeUnknown


@dataclass(frozen=True, slots=True)
class SmtpEndpoint:
    """Where mail is submitted. `tls` from the first byte, or `starttls` after the greeting; login if `user`."""

    host: str
    port: int
    tls: bool = False
    starttls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SmtpReceipt:
    """The server's word that it has taken the mail: its 2yz code and the line that came with it."""

    code: int
    response: str
    message_id: str


def submit(endpoint: SmtpEndpoint, message: EmailMessage, *, timeout_s: float) -> SmtpReceipt:
    """Hand `message` over, from its one From to its one To; `timeout_s` is for the whole conversation.

    Raises while nothing has been taken: smtplib's exceptions (SMTPResponseException and SMTPRecipientsRefused with
    the server's code, 4yz or 5yz, a refusal after the final dot as SMTPDataError) or OSError.
    Raises OutcomeUnknown when the final dot was sent and no valid answer was read.
    """
    sender, recipient = _one_address(message, "From"), _one_address(message, "To")
    payload = _dot_stuffed(message.as_bytes())
    session = _Session(time.monotonic() + timeout_s)
    try:
        session.open(endpoint, timeout_s)
        session.envelope(sender, recipient)
        code, response = session.transfer(payload)
        with suppress(OSError, smtplib.SMTPException):
            # The goodbye is said, not waited for: the mail is settled, and a slow answer must not make it a failure.
            session.putcmd("QUIT")
        return SmtpReceipt(code, response, str(message["Message-ID"]))
    finally:
        session.close()


class _Session(smtplib.SMTP):
    """smtplib's client under one deadline for all its reads and writes."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        # smtplib would ask DNS for our name, without a limit of time; an address literal is as good (RFC 5321 §4.1.3).
        own_name = socket.gethostname()
        super().__init__(local_hostname=own_name if "." in own_name else "[127.0.0.1]")

    def open(self, endpoint: SmtpEndpoint, timeout_s: float) -> None:
        """Connect, secure and log in as `endpoint` says."""
        self.timeout = timeout_s
        # smtplib's own connect() sets this for STARTTLS from its constructor's host, which is not given here.
        self._host = endpoint.host
        context = ssl.create_default_context() if endpoint.tls or endpoint.starttls else None
        self._tls_context = context if endpoint.tls else None
        code, greeting = self.connect(endpoint.host, endpoint.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, greeting)
        self.ehlo_or_helo_if_needed()
        if endpoint.starttls:
            self.starttls(context=context)
            self.ehlo_or_helo_if_needed()
        if endpoint.user:
            self.login(endpoint.user, endpoint.password)

    def envelope(self, sender: str, recipient: str) -> None:
        """MAIL and RCPT."""
        code, response = self.mail(sender)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, response, sender)
        code, response = self.rcpt(recipient)
        if code not in {250, 251}:
            raise smtplib.SMTPRecipientsRefused({recipient: (code, response)})

    def transfer(self, payload: bytes) -> tuple[int, str]:
        """DATA, the payload, the dot. All is certain until the dot has been handed to the network."""
        code, response = self.docmd("DATA")
        if code != 354:
            raise smtplib.SMTPDataError(code, response)
        self.send(payload)
        self._hold_to_deadline()
        try:
            self.send(b".\r\n")
        except TimeoutError as error:
            raise OutcomeUnknown("timed out while the end of the mail was sent") from error
        code, response = self._answer_to_dot()
        if code >= 400:
            raise smtplib.SMTPDataError(code, response)
        return code, response.decode("utf-8", "replace")

    def _answer_to_dot(self) -> tuple[int, bytes]:
        try:
            code, response = self.getreply()
        except (OSError, smtplib.SMTPException) as error:
            raise OutcomeUnknown("the connection was lost after the mail was sent, before its answer") from error
        if not (200 <= code < 300 or 400 <= code < 600):
            raise OutcomeUnknown(f"the server answered the mail with {code}, which says nothing")
        return code, response

    def send(self, s: bytes | str) -> None:  # type: ignore[override]
        self._hold_to_deadline()
        try:
            super().send(s)
        except smtplib.SMTPServerDisconnected as error:
            # smtplib hides the reason; a time-out is the one that leaves open how much was written.
            if isinstance(error.__context__, TimeoutError):
                raise error.__context__ from error
            raise

    def getreply(self) -> tuple[int, bytes]:
        self._hold_to_deadline()
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        # The hook that smtplib.SMTP_SSL overrides too, to have TLS before the greeting.
        plain = socket.create_connection((host, port), timeout)
        return self._tls_context.wrap_socket(plain, server_hostname=self._host) if self._tls_context else plain

    def _hold_to_deadline(self) -> None:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the SMTP conversation took longer than it may")
        if self.sock is not None:
            self.sock.settimeout(left_s)


def _one_address(message: EmailMessage, header: str) -> str:
    found = getaddresses([str(each) for each in message.get_all(header, [])])
    if len(found) != 1 or "@" not in found[0][1]:
        raise ValueError(f"the mail needs one address in {header}")
    return found[0][1]


def _dot_stuffed(content: bytes) -> bytes:
    """CRLF line ends, leading dots doubled (RFC 5321 §4.5.2), and a line end at the end."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    stuffed = re.sub(rb"(?m)^\.", b"..", lines)
    return stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n"
