"""Which links are scheduling links, however they are written."""

from __future__ import annotations

import pytest

from messaging.guardrails.scheduling_links import canonical, link_hints, scheduling_links


@pytest.mark.parametrize(
    "text",
    [
        "https://calendly.com/acme",
        "calendly.com/acme",
        "www.cal.com/acme.",
        "(https://acme.youcanbook.me)",
        "https://meetings.hubspot.com/acme",
        "calendar.app.google/AbC",
        "https://calendar.google.com/calendar/appointments/x",
        "https://example.com/book-a-call",
        "https://example.com/schedule",
        "book.example.com",
        "https://example.com/meetings/ann",
        "https://outlook.office365.com/owa/calendar/x@example.com/bookings/",
        "calendly dot com slash acme",
    ],
)
def test_page_where_a_time_is_picked_is_a_scheduling_link(text: str) -> None:
    assert len(scheduling_links(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "https://zoom.us/j/123",
        "https://meet.google.com/abc-defg-hij",
        "https://teams.microsoft.com/l/meetup-join/x",
        "https://example.com/blog/book-a-call",
        "https://example.com/pricing",
        "https://example.com/books/2",
        "booking@example.com",
        "https://example.com/meet-the-team",
        "https://example.com/events",
        "e.g. this",
        "Tuesday.Please",
        "3.5",
    ],
)
def test_other_links_are_no_concern(text: str) -> None:
    assert scheduling_links(text) == []


@pytest.mark.parametrize(
    "spelling",
    [
        "https://Calendly.com/Acme/",
        "http://www.calendly.com/acme",
        "calendly.com/acme?month=3#x",
        "<calendly.com/acme>.",
    ],
)
def test_spellings_of_one_link_are_the_same(spelling: str) -> None:
    assert canonical(spelling) == "calendly.com/acme"


@pytest.mark.parametrize(
    "text",
    [
        "Click here to schedule your demo.",
        "Easiest is to book via my online calendar.",
        "Here's a link to my calendar.",
        "See [booking link].",
        "Use our scheduler page.",
        "Grab a slot on our calendar!",
        "I am on Calendly.",
    ],
)
def test_promise_of_a_link_is_a_hint(text: str) -> None:
    assert link_hints(text) != []


@pytest.mark.parametrize(
    "text",
    [
        "Can you send me your calendar link?",
        "I'll send a calendar invite.",
        "I don't have a booking link.",
        "Pick a time below.",
        "Choose a slot and I'll send the link.",
        "Let me check my calendar.",
        "Shall I put it in the calendar?",
        "See our pricing page [link].",
        "I'll book it through the link you sent.",
    ],
)
def test_other_talk_of_links_and_calendars_is_none(text: str) -> None:
    assert link_hints(text) == []
