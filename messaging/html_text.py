"""HTML mail bodies to plain text. Knows markup only, nothing of mail headers or of quoted history.

The standard library's parser is enough: mail needs lines, links and quotation depth, not layout.
`blockquote` becomes `> ` lines, so that HTML and plain bodies share one way of losing their quoted history.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BLOCK_NAMES = (
    "address article aside center dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 "
    "header hr li main nav ol p pre section table tbody tr ul"
)
BLOCKS = frozenset(_BLOCK_NAMES.split())
#: Elements whose text is never shown to a reader.
SILENT = frozenset({"head", "noscript", "script", "style", "svg", "template", "title"})
#: A blank line stands between these, as a browser shows it.
SPACED = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "p"})


def html_to_text(html: str) -> str:
    """Readable lines of `html`; a link whose text does not show its address is followed by it in `<...>`.

    Never raises: broken markup yields what a lenient parser makes of it.
    """
    reader = _TextReader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _TextReader(HTMLParser):
    """Collects lines, each with the quotation depth at which it began."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._current = ""
        self._depth = 0
        self._silent: list[str] = []
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self._silent.append(tag)
        elif tag == "br":
            self._end_line()
        elif tag == "blockquote":
            self._break(spaced=False)
            self._depth += 1
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self._current)))
        elif tag in BLOCKS:
            self._break(spaced=tag in SPACED)
            if tag == "li":
                self._current = "- "
        elif tag in {"td", "th"}:
            self._current += " "

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in SILENT and tag != "blockquote":
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in SILENT:
            self._leave_silent(tag)
        elif tag == "blockquote":
            self._break(spaced=False)
            self._depth = max(0, self._depth - 1)
        elif tag == "a" and self._links:
            self._show_address(*self._links.pop())
        elif tag in BLOCKS:
            self._break(spaced=tag in SPACED)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        joined = self._current + re.sub(r"\s+", " ", data)
        self._current = joined if self._current.strip() else joined.lstrip(" ")

    def text(self) -> str:
        self._end_line(keep_blank=False)
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip()

    def _leave_silent(self, tag: str) -> None:
        """Close the innermost such element and all that was left open within it."""
        if tag in self._silent:
            while self._silent.pop() != tag:
                pass

    def _show_address(self, address: str, begun_at: int) -> None:
        shown = self._current[begun_at:].strip()
        bare = re.sub(r"^(?:https?://|mailto:)", "", address).rstrip("/")
        if re.match(r"https?://", address) and bare.lower() not in shown.lower():
            self._current += f" <{address}>"

    def _break(self, *, spaced: bool) -> None:
        self._end_line(keep_blank=False)
        if spaced and self._lines and self._lines[-1].strip("> "):
            self._lines.append("> " * self._depth)

    def _end_line(self, *, keep_blank: bool = True) -> None:
        line = self._current.rstrip()
        self._current = ""
        if line or keep_blank:
            self._lines.append("> " * self._depth + line)
