"""Words for hours, months, weekdays and time zones in the languages leads write in. Tables only.

English, German, French, Spanish, Italian and Dutch. Abbreviations stand in English alone: `do`, `mar` or `mon`
are other words elsewhere.
"""

from __future__ import annotations

NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
    "ein": 1, "eins": 1, "zwei": 2, "drei": 3, "vier": 4, "f\u00fcnf": 5, "sechs": 6,
    "sieben": 7, "acht": 8, "neun": 9, "zehn": 10, "elf": 11, "zw\u00f6lf": 12,
}  # fmt: skip

MINUTE_WORDS = {"fifteen": 15, "thirty": 30, "forty-five": 45, "forty five": 45}

NOON = {
    "noon": 720,
    "midday": 720,
    "midnight": 0,
    "midi": 720,
    "minuit": 0,
    "mediod\u00eda": 720,
    "mezzogiorno": 720,
}

#: Each month's names; the first is English, the second its abbreviation.
_MONTH_NAMES = (
    "january jan januar janvier enero gennaio januari",
    "february feb februar f\u00e9vrier febrero febbraio februari",
    "march mar m\u00e4rz mars marzo maart",
    "april apr avril abril aprile",
    "may mai mayo maggio mei",
    "june jun juni juin junio giugno",
    "july jul juli juillet julio luglio",
    "august aug ao\u00fbt agosto augustus",
    "september sept sep septembre septiembre settembre",
    "october oct oktober octobre octubre ottobre okt",
    "november nov novembre noviembre",
    "december dec dezember d\u00e9cembre diciembre dicembre dez",
)
MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}

#: Monday is 0, as in `date.weekday()`.
_WEEKDAY_NAMES = (
    "monday montag lundi lunes luned\u00ec maandag",
    "tuesday dienstag mardi martes marted\u00ec dinsdag",
    "wednesday mittwoch mercredi mi\u00e9rcoles mercoled\u00ec woensdag",
    "thursday donnerstag jeudi jueves gioved\u00ec donderdag",
    "friday freitag vendredi viernes venerd\u00ec vrijdag",
    "saturday samstag sonnabend samedi s\u00e1bado sabato zaterdag",
    "sunday sonntag dimanche domingo domenica zondag",
)
WEEKDAYS = {name: number for number, names in enumerate(_WEEKDAY_NAMES) for name in names.split()}
WEEKDAY_ABBREVIATIONS = {
    "Mon": 0, "Tue": 1, "Tues": 1, "Wed": 2, "Thu": 3, "Thur": 3, "Thurs": 3, "Fri": 4, "Sat": 5, "Sun": 6,
}  # fmt: skip

#: Days from today. `morgen` and `manana` also mean morning: the readers look at the word before them.
RELATIVE_DAYS = {
    "the day after tomorrow": 2, "day after tomorrow": 2, "tomorrow": 1, "today": 0, "tonight": 0,
    "this morning": 0, "this afternoon": 0, "this evening": 0,
    "\u00fcbermorgen": 2, "morgen": 1, "heute": 0, "apr\u00e8s-demain": 2, "demain": 1, "aujourd'hui": 0,
    "pasado ma\u00f1ana": 2, "ma\u00f1ana": 1, "hoy": 0, "dopodomani": 2, "domani": 1, "oggi": 0, "overmorgen": 2,
}  # fmt: skip

#: What people write for a zone, to the IANA name whose clock they mean: `EST` in July is New York's clock.
ZONES = {
    "ET": "America/New_York", "EST": "America/New_York", "EDT": "America/New_York", "Eastern": "America/New_York",
    "CT": "America/Chicago", "CST": "America/Chicago", "CDT": "America/Chicago", "Central": "America/Chicago",
    "MT": "America/Denver", "MST": "America/Denver", "MDT": "America/Denver", "Mountain": "America/Denver",
    "PT": "America/Los_Angeles", "PST": "America/Los_Angeles", "PDT": "America/Los_Angeles",
    "Pacific": "America/Los_Angeles",
    "UTC": "UTC", "GMT": "UTC", "BST": "Europe/London", "UK": "Europe/London", "London": "Europe/London",
    "CET": "Europe/Berlin", "CEST": "Europe/Berlin", "MEZ": "Europe/Berlin", "MESZ": "Europe/Berlin",
    "Berlin": "Europe/Berlin", "Paris": "Europe/Paris", "Madrid": "Europe/Madrid", "Zurich": "Europe/Zurich",
    "EET": "Europe/Helsinki", "EEST": "Europe/Helsinki", "IST": "Asia/Kolkata", "SGT": "Asia/Singapore",
    "JST": "Asia/Tokyo", "AEST": "Australia/Sydney", "AEDT": "Australia/Sydney", "New York": "America/New_York",
}  # fmt: skip
