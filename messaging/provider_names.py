"""How a provider names people, messages and conversations. Knows forms only, no client and no rows."""

from __future__ import annotations

from messaging.patterns import regex

#: An international telephone number (ITU-T E.164).
PHONE_NUMBER = regex(r"\+[1-9][0-9]{6,14}")
#: A name that a provider gave: of a member, a message, a conversation.
PROVIDER_NAME = regex(r"[!-~]{1,200}")
