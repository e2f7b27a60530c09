"""The made-up company that writes, and the made-up people that it writes to. All domains are reserved (RFC 2606)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from random import Random
from typing import Final

OURS: Final = "Brindlemere Routing"
SENDER: Final = "juno@brindlemere.example"
SIGNATURE: Final = f"Juno Marsh\n{OURS}"
TIMEZONE: Final = "America/New_York"
SCHEDULING_LINKS: Final = ("https://calendly.com/brindlemere-sample/intro",)
PRICES: Final = ("$49 per van and month", "$39 per van and month, billed yearly")

_FIRST: Final = (
    "Ada", "Bjarne", "Carmen", "Dinah", "Emeka", "Fatou", "Giulia", "Hakan", "Ines", "Jun", "Katrin", "Luc", "Mina",
    "Noor", "Oskar", "Priya", "Quentin", "Rosa", "Stellan", "Tomoko", "Ursula", "Vikram", "Wanda", "Yusuf", "Zoë",
)  # fmt: skip
_LAST: Final = (
    "Abendroth", "Bakare", "Castell", "Dubrovsky", "Eriksen", "Fontaine", "Grabowski", "Hallorann", "Ibarra", "Jansen",
    "Kowalczyk", "Lindqvist", "Muñoz", "Nakagawa", "O'Dell", "Pettersson", "Quist", "Römer", "Sorrentino", "Tran",
)  # fmt: skip
_TRADES: Final = ("Linen", "Bakery", "Florist", "Parcel", "Pharmacy", "Dairy", "Tool Hire", "Wine", "Furniture", "Ice")
_PLACES: Final = ("Harbour", "Northside", "Old Mill", "Riverbend", "Hilltop", "Quayside", "Canal", "Orchard", "Lantern")


@dataclass(frozen=True, slots=True)
class Person:
    """A lead: `number` tells namesakes apart."""

    first: str
    last: str
    company: str
    number: int

    @property
    def slug(self) -> str:
        """The name as a page's address has it, with the number: letters, digits and dashes."""
        return f"{_plain(self.first)}-{_plain(self.last)}-{self.number}"

    @property
    def domain(self) -> str:
        return f"{_plain(self.company)}.example"

    @property
    def address(self) -> str:
        return f"{self.slug}@{self.domain}"


def invent_person(rand: Random, number: int) -> Person:
    """Somebody drawn from the lists."""
    company = f"{rand.choice(_PLACES)} {rand.choice(_TRADES)}"
    return Person(rand.choice(_FIRST), rand.choice(_LAST), company, number)


def _plain(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
