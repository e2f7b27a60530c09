"""Which mail is never answered: machines, lists, and ourselves. Answering those makes mail loops.

Pure: it sees one mail and the client's own addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from messaging.dispositions import Disposition, disposition
from messaging.inbox import InboundMail
from messaging.patterns import regex

_NO_REPLY = regex(
    r"(?:^|[-_.+=])(?:no[-_.]?repl(?:y|ies)|do[-_.]?not[-_.]?reply|dont[-_.]?reply|mailer[-_.]?daemon)(?:$|[-_.+=\d])"
)
#: Local parts from which only machines write, with whatever they put behind it (RFC 2142 §5, common practice).
_MACHINES = regex(r"(?:postmaster|bounces?|auto[-_.]?(?:reply|responder|response))(?:$|[-_.+=\d])")


def never_answer(mail: InboundMail, own_addresses: Iterable[str]) -> str | None:
    """Why this mail must not be answered, or None if it may be.

    One of `auto_submitted`, `list_mail`, `bulk`, `empty_return_path`, `no_reply_sender`, `own_address`; the first
    that holds, in that order. `own_addresses` are the client's; case and a `+tag` make no difference.
    """
    marks, precedence = mail.marks, mail.marks.precedence.strip().lower()
    if _is_automatic(marks.auto_submitted) or marks.auto_reply or precedence == "auto_reply":
        return "auto_submitted"
    if marks.list_id or precedence == "list":
        return "list_mail"
    if precedence in {"bulk", "junk"}:
        return "bulk"
    if marks.return_path == "":
        return "empty_return_path"
    if _is_no_reply(mail.sender) or marks.content_type == "multipart/report":
        return "no_reply_sender"
    return "own_address" if _untagged(mail.sender) in {_untagged(each) for each in own_addresses} else None


def away_again(text: str, subject: str, *, written_before: bool) -> str | None:
    """`out_of_office` for a notice of absence from a lead that we have written to; else None.

    It may be the answer to our own mail, from a responder that does not mark what it sends: answered, it would come
    again each time.
    """
    away = written_before and disposition(text, subject) is Disposition.OUT_OF_OFFICE
    return "out_of_office" if away else None


def _is_automatic(auto_submitted: str) -> bool:
    """RFC 3834 §5: any keyword but `no`; parameters and comments follow it."""
    keyword = re.split(r"[;(\s]", auto_submitted.strip().lower(), maxsplit=1)[0]
    return keyword not in {"", "no"}


def _is_no_reply(address: str) -> bool:
    local = address.partition("@")[0]
    return bool(_MACHINES.match(local) or _NO_REPLY.search(local))


def _untagged(address: str) -> str:
    local, _, domain = address.strip().lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
