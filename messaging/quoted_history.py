"""Takes the quoted history off a reply, leaving what its writer wrote. Knows plain text only.

`quotequail` knows the attribution lines and forwarded headers of the mail clients (docs/decisions/0010);
two things it leaves to us: lines marked `>` whatever language their attribution is in, and bounded work.
"""

from __future__ import annotations

import quotequail  # type: ignore[import-untyped]

from messaging.patterns import regex

#: Lines looked at. quotequail's search for header blocks is quadratic in lines: 8,000 took 37 s, 400 take 0.1 s.
LINES_LOOKED_AT = 400
#: Characters of a line that can be an attribution; longer lines are prose.
ATTRIBUTION_CHARS = 400
#: An attribution is wrapped over at most this many lines by the clients seen.
ATTRIBUTION_LINES = 3

_WHEN_OR_WHO = regex(r"\d{1,2}[:.h]\d{2}|\d{4}|@|\b\d{1,2}[./-]\d{1,2}")
_DIVIDER = regex(r"^\s*-{3,} ?[^-\n]{3,60} ?-{3,}\s*$|^\s*_{20,}\s*$")
_HEADER = regex(r"^\s*\*?[^\W\d][\w -]{0,20}\s?:")
_WHEN = regex(r"\d{1,2}[:.h]\d{2}|\d{4}|\b\d{1,2}[./-]\d{1,2}")


def new_text(body: str) -> str:
    """The text of `body` without quoted history; empty when all of it is history.

    Signatures stay: a lead's own scheduling link often stands there. Works in bounded time on any input.
    """
    lines = [line.rstrip() for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    unmarked = _without_marked_lines(lines)
    if not any(line.strip() for line in unmarked):
        return ""
    return "\n".join(_above_history(unmarked)).strip()


def _without_marked_lines(lines: list[str]) -> list[str]:
    """Drop lines that begin with `>`, and the attribution right above each run of them."""
    kept: list[str] = []
    quoting = False
    for line in lines:
        marked = line.lstrip().startswith(">")
        if marked and not quoting:
            _drop_attribution(kept)
        if not marked:
            kept.append(line)
        quoting = marked or (quoting and not line.strip())
    return kept


def _drop_attribution(kept: list[str]) -> None:
    """Remove a trailing `... wrote:` in any language: it ends with a colon and names a time or an address."""
    end = len(kept)
    while end and not kept[end - 1].strip():
        end -= 1
    if not end or not kept[end - 1].rstrip().endswith((":", "\uff1a")):
        return
    begin = end - 1
    while not _WHEN.search(" ".join(kept[begin:end])):
        if begin == 0 or end - begin == ATTRIBUTION_LINES or not kept[begin - 1].strip():
            break
        begin -= 1
    attribution = " ".join(kept[begin:end])
    if len(attribution) <= ATTRIBUTION_CHARS and _WHEN_OR_WHO.search(attribution):
        del kept[begin:]


def _above_history(lines: list[str]) -> list[str]:
    """The lines above unmarked history, as Outlook and webmailers leave it."""
    looked_at = [line if len(line) <= ATTRIBUTION_CHARS else "-" for line in lines[:LINES_LOOKED_AT]]
    divided_at = _first_divider(looked_at)
    if divided_at is not None:
        looked_at = looked_at[:divided_at]
        lines = lines[:divided_at]
    found = quotequail.unwrap("\n".join(looked_at))
    if not found or not _is_history(found):
        return lines
    return lines[: _lines_of(found.get("text_top", ""), looked_at)]


def _first_divider(lines: list[str]) -> int | None:
    """Where a `----- Original message -----` line, in whatever language, is followed by a header line."""
    for index, line in enumerate(lines):
        if _DIVIDER.match(line):
            below = next((text for text in lines[index + 1 :] if text.strip()), "")
            if _HEADER.match(below):
                return index
    return None


def _is_history(found: dict[str, str]) -> bool:
    """Headers are history only with a sender among them: 'Date: 5 March' in a list of details is not."""
    return found["type"] == "reply" or bool(found.get("from"))


def _lines_of(top: str, lines: list[str]) -> int:
    """How many of `lines` the stripped text `top` covers, counting the blank ones before it."""
    if not top:
        return 0
    begun = next(index for index, line in enumerate(lines) if line.strip())
    return begun + len(top.split("\n"))
