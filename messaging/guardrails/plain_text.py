"""Text in the one form that the readers expect, and cut into sentences. Knows punctuation, not meaning."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from messaging.patterns import regex

_INVISIBLE = regex("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_STRAIGHT = str.maketrans("\u2018\u2019\u201c\u201d\u2010\u2011\u2012\u2013\u2014\u2212", "''\"\"------")
_MERIDIEM = regex(r"(?<=\d)\s?([ap])\s?\.\s?m\b\.?|(?<= )([ap])\.m\b\.?", re.IGNORECASE)
_ABBREVIATED = regex(
    r"\b(jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|mon|tues?|wed|thurs?|fri|sat|sun)\.(?=[ ,]*\d|[ ,]+[a-z]|,)",
    re.IGNORECASE,
)
_QUOTED_LINE = regex(r"^[ \t]*>.*$", re.MULTILINE)
_SENTENCE_END = regex(r"(?<=[.!?])[\"')\]]*\s+(?=[^a-z])|\n\s*\n|\n(?=\s*(?:[-*\u2022]|\d{1,2}[.)])\s)")
_CLAUSE_END = regex(
    r";\s|,?\s-\s|,?\s(?=(?:but|however|although|though|so|instead|aber|mais)\b|and (?:I|we)(?:'ll| will)\b)",
    re.IGNORECASE,
)
#: What holds digits but no time or date: addresses, phone numbers, versions, money, shares, sizes of teams.
_NUMERIC_NOISE = regex(
    r"https?://\S+|\b[\w.+-]+@[\w.-]+\b|\b(?:[\w-]+\.)+[a-z]{2,}/\S*"
    r"|\+\d[\d\s().-]{6,}\d|\(?\b\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}\b|\b\d{3}-\d{4}\b"
    r"|\b(?:tel|phone|mobile|fax|ext|extension|room|suite|version|release|v|ver|build|chapter|section|invoice|order"
    r"|ticket|ref)\.?:?\s?#?[\d][\d\s().:-]*\d\b|\bv\d[\d.]*|\b\d+(?:\.\d+){2,}(?<!\.\d{4})(?!\d)"
    r"|[$\u20ac\u00a3]\s?\d[\d.,]*\s?[kKmM]?\b|\b\d[\d.,]*\s?(?:%|percent\b|[$\u20ac\u00a3]|usd\b|eur\b|gbp\b"
    r"|dollars?\b|euros?\b)|\b24\s?/\s?7\b|\b50\s?/\s?50\b|\b(?:16:9|4:3)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text: `text[begin:end]`, with its own words in `words`."""

    begin: int
    end: int
    words: str

    def holds(self, position: int) -> bool:
        return self.begin <= position < self.end


def normalised(text: str) -> str:
    """Compatibility characters unfolded, quotes and dashes straight, `p.m.` as `pm`, no invisible characters."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).translate(_STRAIGHT)
    plain = _MERIDIEM.sub(lambda found: " " + (found[1] or found[2]).lower() + "m", plain)
    return _ABBREVIATED.sub(r"\1", plain.replace("\r\n", "\n")).replace("\t", " ").replace("\u00a0", " ")


def without_quotes(text: str) -> str:
    """`text` with lines marked `>` emptied."""
    return _QUOTED_LINE.sub("", text)


def without_numeric_noise(text: str) -> str:
    """`text` with links, phone numbers, versions, money and percentages blanked out, positions kept."""
    return _NUMERIC_NOISE.sub(lambda found: "\u00b7" * len(found[0]), text)


def is_blank(text: str) -> bool:
    """Nothing but white space, counting invisible characters as such."""
    return not _INVISIBLE.sub("", text).strip()


def sentences(text: str) -> list[Piece]:
    """The sentences, list items and paragraphs of `text`, in order, without those that are blank."""
    return _cut(text, 0, _SENTENCE_END)


def clauses(text: str) -> list[Piece]:
    """Sentences cut further at semicolons, dashes and turns such as `but`."""
    return [clause for sentence in sentences(text) for clause in _cut(sentence.words, sentence.begin, _CLAUSE_END)]


def piece_at(pieces: list[Piece], position: int) -> Piece:
    """The piece that holds `position`; an empty one if it falls between pieces."""
    return next((piece for piece in pieces if piece.holds(position)), Piece(position, position, ""))


def _cut(text: str, offset: int, divider: re.Pattern[str]) -> list[Piece]:
    pieces, begin = [], 0
    for found in [*divider.finditer(text), None]:
        end = found.start() if found else len(text)
        if text[begin:end].strip():
            pieces.append(Piece(offset + begin, offset + end, text[begin:end]))
        begin = found.end() if found else end
    return pieces
