"""Finds what a template, or a writer in a hurry, left to be filled in: `[Name]`, `{{first_name}}`, `TBD`. Pure."""

from __future__ import annotations

import re

from messaging.guardrails.plain_text import normalised, without_quotes
from messaging.patterns import regex

#: Words that stand in brackets for what should stand there, in the languages that replies are written in.
_BLANK_NOUN = (
    r"(?:names?|first|last|surname|company|organi[sz]ation|dates?|times?|days?|weekday|links?|urls?|prices?|amount"
    r"|numbers?|title|position|role|product|service|your|my|our|their|insert|add|enter|fill|choose|recipient|sender"
    r"|client|customer|lead|prospect|e-?mail|phone|address|city|country|industry|topic|subject|signature|contact"
    r"|calendar|team|field|placeholder|here|tb[cda]|todo|slot|amount|currency|reason|greeting|salutation"
    r"|vorname|nachname|firma|datum|uhrzeit|anrede|betrag|preis|unternehmen|nom|prénom|société|entreprise|heure"
    r"|montant|prix|nombre|apellidos?|empresa|fecha|hora|importe|precio)"
)
_PATTERNS = tuple(
    regex(pattern, flags)
    for pattern, flags in (
        # Template languages and mailing tools: {{name}}, {% if %}, ${name}, *|FNAME|*, %%name%%, <<name>>, [[name]].
        (r"\{\{[^{}\n]{0,60}\}\}|\{%[^\n]{0,60}?%\}|\$\{[^{}\n]{1,60}\}|\*\|[^|\n]{1,40}\|\*", 0),
        (r"%%[\w .-]{1,40}%%|%[A-Z][A-Z_]{2,30}%|<<[^<>\n]{1,60}>>|\[\[[^\[\]\n]{1,60}\]\]", 0),
        (r"(?<!\{)\{[A-Za-z_][\w .-]{0,40}\}", 0),
        # [Name], [insert date], <first name>, (insert link): a bracket with such a noun, and no link behind it.
        (rf"\[(?=[^\]\n]{{0,40}}\b{_BLANK_NOUN}\b)[^\[\]\n]{{1,60}}\](?!\()", re.IGNORECASE),
        (rf"<(?=[^<>\n]{{0,30}}\b{_BLANK_NOUN}\b)(?![^<>\n]*[@:/=\"])[^<>\n]{{1,40}}>", re.IGNORECASE),
        (r"\((?:insert|add|enter|fill in)\b[^()\n]{1,60}\)", re.IGNORECASE),
        (r"[\[<(](?:\.{3}|…|_+|x{2,}|\?{2,})[\]>)]", re.IGNORECASE),
        # What a writer meant to look up. Three small x are kisses, and XXL is a size.
        (r"\b(?:TBD|TBC|TBA|TODO|FIXME)\b|(?i:\blorem ipsum\b)", 0),
        (r"(?<![\w])(?:[$€£]\s?X{1,4}|X{2,4}\s?[%$€£]|X{1,2}:X{2}|X{3,})(?![\w])", 0),
        (r"(?<![\w_])_{3,}(?![\w_])|__[A-Z][A-Z_]*__", 0),
    )
)


def placeholders(text: str) -> list[str]:
    """Each thing in `text` that was left to be filled in, in order, each once; quoted lines are not looked at."""
    readable = normalised(without_quotes(text))
    found = sorted((one.start(), one[0]) for pattern in _PATTERNS for one in pattern.finditer(readable))
    return list(dict.fromkeys(words for _, words in found))
