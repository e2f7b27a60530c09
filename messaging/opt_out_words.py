"""Whether a lead's own words ask never to be written to again. Pure: text in, yes or no.

A refusal ("not interested") is none, nor is a newsletter's foot. The lists hold kinds of phrases: add one with its
paraphrases, and a case against it (tests/unit/test_messaging_opt_out_words.py).
"""

from __future__ import annotations

import re

from messaging.guardrails.phrases import any_of
from messaging.guardrails.plain_text import normalised, without_quotes
from messaging.patterns import regex

#: A whole message, or a whole subject, of one of these: the words that carriers and list servers answer to.
_KEYWORDS = regex(
    r"(?:please )?(?:stop|stop ?all|unsubscribe(?: me)?|opt[ -]?out|remove(?: me)?|abmelden|abbestellen|stopp"
    r"|arr[êe]t(?:er)?|d[ée]sabonner|baja)(?: please)?",
    re.IGNORECASE,
)

_MAIL = r"(?:e-?mails?|mails?|messages?|texts?|newsletters?|offers?|spam|these|this|those|anything|nachrichten|werbung)"
_MINE = (
    r"(?:me|us|my (?:name|details|data|number|(?:e-?mail )?address|e-?mail|company|contact(?: details)?)"
    r"|our (?:name|details|data|number|(?:e-?mail )?address|company))"
)
_LIST = r"(?:lists?|mailings?|database|system|records|contacts|crm|distribution|sequence|campaign|e-?mails?|newsletter)"
_NEVER_AGAIN = r"(?:again|any ?more|any longer|any further|ever|in (?:the )?future|further)"
_WISH = r"\b(?:i|we)(?:'d| would| do)?(?: really| just| also)? (?:want|like|wish|need|prefer|ask|choose) to"

_ASKS = any_of(
    r"unsubscribe (?:me|us|my|our)\b",
    # A newsletter's foot says it, too: "to stop these mails, please unsubscribe here".
    r"(?:please|pls|kindly) unsubscribe\b(?! (?:here|by|using|via|at|through|below|with|from the link))",
    rf"{_WISH} (?:unsubscribe|be (?:removed|taken off|unsubscribed)|opt[ -]?out)\b",
    rf"(?:remove|take|delete|erase) {_MINE}\b[^.!?\n]{{0,30}}\b(?:from|off|out of|of) [^.!?\n]{{0,30}}\b{_LIST}\b",
    rf"(?:please|pls|kindly) (?:remove|delete|erase) {_MINE}"
    r"(?: now| immediately| at once)?(?=\s*(?:[.,!;]|thanks?\b|\n|$))",
    r"opt (?:me|us) out\b",
    r"(?:please|kindly) opt[ -]?out\b",
    r"(?:i|we)(?:'m| am|'re| are)? opt(?:ing)? out\b",
    r"stop (?:e-?mailing|contacting|writing(?: to)?|calling|messaging|texting|spamming|bothering|harassing)"
    r" (?:me|us)\b",
    rf"stop sending (?:(?:me|us|any|your|these|those|such|more|all|out) )*{_MAIL}\b",
    rf"(?:don't|do not|never) (?:ever )?(?:contact|e-?mail|write(?: to)?|message|text|call|spam) (?:me|us)\b"
    rf"[^.!?\n]{{0,20}}\b{_NEVER_AGAIN}\b",
    r"(?:don't|do not|never) (?:ever )?(?:contact|e-?mail|write(?: to)?|message|spam) (?:me|us)(?=\s*(?:[.!]|\n|$))",
    rf"(?:don't|do not) send (?:me|us) (?:any )?(?:more )?{_MAIL}\b[^.!?\n]{{0,20}}(?:\b{_NEVER_AGAIN}\b|[.!]|\n|$)",
    rf"no more {_MAIL}(?=,? please|\s*(?:[.!]|$)| from (?:you|your))",
    r"leave (?:me|us) alone\b",
    r"lose my (?:number|e-?mail|address)\b",
    r"(?:withdraw|revoke) (?:my|our) consent\b",
    r"keine (?:weiteren )?(?:e-?mails?|nachrichten|werbung)(?: mehr)?\b",
    r"(?:schreiben|kontaktieren|mailen) sie (?:mir|mich|uns) (?:bitte )?nicht mehr\b",
    r"(?:nehmen|streichen|löschen|entfernen) sie (?:mich|uns|meine)\b[^.!?\n]{0,30}"
    r"\b(?:verteiler|liste|daten|adresse)\b",
    r"(?:aus|von) (?:dem|ihrem|eurem|der|ihrer|eurer) (?:e-?mail-?)?(?:verteiler|liste) (?:nehmen|streichen|löschen"
    r"|entfernen|austragen)\b",
    r"d[ée]sabonne[rz](?:-| )?moi\b",
    r"d[ée]sinscri(?:re|vez)(?:-| )?moi\b",
    r"ne (?:me|nous) (?:contactez|écrivez|envoyez) plus\b",
    r"retirez(?:-| )moi\b",
    r"(?:(?:merci de|veuillez|prière de|je souhaite) ne (?:plus|pas)|(?:arrêtez|cessez) de) (?:me|nous)"
    r" (?:contacter|écrire|envoyer|solliciter|relancer)\b",
    r"(?:darme|d[aá]me|d[eé]n?me|darnos) de baja\b",
    r"no me (?:contacten?|escriban?|env[ií]en?)\b[^.!?\n]{0,20}\bmás\b",
)
#: What turns the words that follow into their opposite.
_NOT = regex(
    r"(?:\bnot|n't|\bnever|\bwithout|\bbefore you)\s+(?:(?:want|like|wish|ask) you\s+)?"
    r"(?:please\s+|(?:have |need )?to\s+)?$",
    re.I,
)


def asks_to_opt_out(text: str, subject: str = "") -> bool:
    """Whether a message with this new text (quoted history stripped), or its subject alone, asks for it."""
    words = " ".join(normalised(without_quotes(text)).split())
    if any(_KEYWORDS.fullmatch(each.strip(" \n.,!;:-\"'*")) for each in (words, normalised(subject))):
        return True
    lines = normalised(without_quotes(text))
    return any(not _NOT.search(lines[: found.start()]) for found in _ASKS.finditer(lines))
