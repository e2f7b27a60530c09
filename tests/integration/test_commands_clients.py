"""`callboard send`, `clients` and `leads`: what a person may have sent or stopped, each on record, refusals too."""

from __future__ import annotations

from typing import Any

import pytest

from models.database import query
from tests.command_cases import Callboard
from tests.integration.correspondence import CLIENT, LEAD, begin

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


@pytest.fixture
def callboard(capsys: pytest.CaptureFixture[str]) -> Callboard:
    return Callboard(capsys)


def log() -> list[tuple[Any, ...]]:
    return query("SELECT operator, verb, target, reason, result FROM operator_action ORDER BY id")


def test_the_kill_switch_is_thrown_and_taken_back_on_record(callboard: Callboard) -> None:
    begin()

    said = [callboard("clients", verb, CLIENT, "--operator", "ann").out for verb in ("pause", "pause", "resume")]

    assert said == [
        "set paused of acme: no -> yes\n",
        "acme stands so already\n",
        "set paused of acme: yes -> no\n",
    ]
    assert log() == [
        ("ann", "pause", CLIENT, None, "done"),
        ("ann", "pause", CLIENT, None, "unchanged"),
        ("ann", "resume", CLIENT, None, "done"),
    ]
    assert query("SELECT before FROM operator_action ORDER BY id") == [
        ({"paused": False},),
        ({"paused": True},),
        ({"paused": True},),
    ]


def test_dry_run_of_the_kill_switch_throws_nothing(callboard: Callboard) -> None:
    begin()

    ended = callboard("clients", "pause", CLIENT, "--dry-run", "--json")

    assert ended.data == {"target": CLIENT, "dry_run": True, "changes": {"paused": {"before": False, "after": True}}}
    assert query("SELECT paused_at FROM client") == [(None,)]
    assert log() == []


@pytest.mark.parametrize(
    ("option", "given", "kept"),
    [
        ("--price", "49\u00a0€ par mois", ["49 € par mois"]),
        ("--price", " 1\u202f200 € par an\u00a0", ["1 200 € par an"]),
        ("--price", "None", []),
        ("--link", "HTTPS://cal.com/Acme", ["https://cal.com/Acme"]),
        ("--link", "NONE", []),
    ],
)
def test_spaces_and_capitals_are_taken_as_people_mean_them(
    callboard: Callboard, option: str, given: str, kept: list[str]
) -> None:
    begin()

    ended = callboard("clients", "set", CLIENT, option, given)

    column = "known_prices" if option == "--price" else "scheduling_links"
    assert ended.code == 0
    assert query(f"SELECT {column} FROM client")[0][0] == kept


def test_prices_and_links_are_set_as_lists_and_emptied_by_none(callboard: Callboard) -> None:
    begin()
    lists = "SELECT known_prices, scheduling_links FROM client"

    callboard(
        "clients", "set", CLIENT, "--price", "$49 a van", "--price", "$9 a seat", "--link", "https://cal.com/acme"
    )
    set_once = query(lists)
    ended = callboard("clients", "set", CLIENT, "--price", "none", "--json")

    assert set_once == [(["$49 a van", "$9 a seat"], ["https://cal.com/acme"])]
    assert ended.data["changes"] == {"known_prices": {"before": ["$49 a van", "$9 a seat"], "after": []}}
    assert query(lists) == [([], ["https://cal.com/acme"])]


def test_a_clients_settings_are_set_and_only_what_differs_is_on_record(callboard: Callboard) -> None:
    begin()
    words = ["--timezone", "Europe/Berlin", "--sending-hours", "Mon-Fri 09:00-17:00", "--rate", "100/h"]

    ended = callboard("clients", "set", CLIENT, *words, "--lead-rate", "none", "--operator", "ann")

    assert ended.out.splitlines() == [
        "set timezone of acme: UTC -> Europe/Berlin",
        "set sending hours of acme: always -> mon-fri 09:00-17:00",
        "set rate of acme: none -> 100/h",
    ]
    shown = callboard("clients", "show", CLIENT, "--json").data
    assert (shown["timezone"], shown["sending_hours"]) == ("Europe/Berlin", "mon-fri 09:00-17:00")
    assert (shown["rate"], shown["lead_rate"]) == ("100/h", "none")
    assert query("SELECT after FROM operator_action") == [
        ({"timezone": "Europe/Berlin", "sending_hours": "mon-fri 09:00-17:00", "rate": "100/h"},)
    ]


def test_a_rate_is_replaced_and_lifted(callboard: Callboard) -> None:
    begin()

    rates = []
    for rate in ("100/h", "5/10m", "none"):
        callboard("clients", "set", CLIENT, "--rate", rate)
        rates.append(query("SELECT scope, most, period_s FROM sending_rate"))

    assert rates == [[("client", 100, 3_600)], [("client", 5, 600)], []]


def test_dry_run_of_a_setting_says_what_would_differ_and_sets_nothing(callboard: Callboard) -> None:
    begin()

    ended = callboard("clients", "set", CLIENT, "--rate", "5/h", "--dry-run")

    assert ended.out == "would set rate of acme: none -> 5/h\n"
    assert (query("SELECT count(*) FROM sending_rate"), log()) == ([(0,)], [])


def test_a_campaign_is_set_and_inherits_again(callboard: Callboard) -> None:
    begin()
    words = ["--auto-send", "off", "--delay", "60-300", "--sending-hours", "never", "--timezone", "Asia/Tokyo"]

    first = callboard("clients", "campaign", CLIENT, "default", *words)
    second = callboard("clients", "campaign", CLIENT, "default", "--sending-hours", "inherit", "--timezone", "inherit")

    assert (first.code, second.code) == (0, 0)
    assert query("SELECT auto_send, delay_min_s, delay_max_s, sending_hours, timezone FROM campaign") == [
        (False, 60, 300, None, None)
    ]
    assert [row[2] for row in log()] == ["acme/default", "acme/default"]
    assert "60-300 s" in callboard("clients", "show", CLIENT).out


def test_clients_are_listed(callboard: Callboard) -> None:
    empty = callboard("clients", "list")
    begin()

    listed = callboard("clients", "list")

    assert empty.code == 3
    assert listed.rows == ["acme    yes    UTC   always  none  none       default"]


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["set", CLIENT, "--timezone", "Mars/Olympus"], "'Mars/Olympus' is no time zone"),
        (["set", CLIENT, "--sending-hours", "9 to 5"], "'9 to 5' is none of always, never"),
        (["set", CLIENT, "--rate", "lots"], "'lots' is no rate: 100/h"),
        (["set", CLIENT], "nothing to set"),
        (
            ["set", CLIENT, "--link", "javascript:x"],
            "'javascript:x' is no link: a URL that begins with http:// or https:// ",
        ),
        (["set", CLIENT, "--link", "https://"], "'https://' is no link: a URL that begins with http:// or https:// "),
        (["set", CLIENT, "--link", ""], "'' is no link: a URL that begins with http:// or https:// "),
        (["set", CLIENT, "--link", "cal.com/acme"], "'cal.com/acme' is no link"),
        (["set", CLIENT, "--link", "https://cal.com/a b"], "'https://cal.com/a b' is no link"),
        (["set", CLIENT, "--link", "https://cal.com/a\nb"], "'https://cal.com/a\\nb' is no link"),
        (["set", CLIENT, "--price", ""], "'' is no price: a text on one line, such as '$49 a van', or none"),
        (["set", CLIENT, "--price", " \t"], "' \\t' is no price"),
        (["set", CLIENT, "--price", "$49\na van"], "'$49\\na van' is no price"),
        (["set", CLIENT, "--price", "$49\n"], "'$49\\n' is no price"),
        (["set", CLIENT, "--price", "\u00a0"], "'\\xa0' is no price"),
        (["set", CLIENT, "--price", "$49\u2028a van"], "'$49\\u2028a van' is no price"),
        (["set", CLIENT, "--price", "None", "--price", "$9"], "--price none stands alone"),
        (["set", CLIENT, "--price", "none", "--price", "$9"], "--price none stands alone"),
        (["set", CLIENT, "--link", "https://cal.com/acme", "--link", "none"], "--link none stands alone"),
        (["campaign", CLIENT, "default", "--delay", "300-60"], "'300-60' is no range of seconds"),
        (["campaign", CLIENT, "default"], "nothing to set"),
    ],
)
def test_a_wrong_value_is_one_line_with_what_is_allowed(callboard: Callboard, words: list[str], wrong: str) -> None:
    begin()

    ended = callboard("clients", *words)

    assert ended.code == 2
    assert wrong in ended.err
    assert ended.err.count("\n") == 1
    assert log() == []


@pytest.mark.parametrize(
    "words",
    [
        ["clients", "show", "nobody"],
        ["clients", "pause", "nobody"],
        ["clients", "pause", "nobody", "--dry-run"],
        ["clients", "set", "nobody", "--rate", "1/h"],
        ["clients", "campaign", CLIENT, "none", "--auto-send", "on"],
        ["leads", "opt-out", "nobody@prospect.example"],
        ["leads", "opt-out", "nobody"],
        ["leads", "opt-out", LEAD, "--client", "nobody"],
    ],
)
def test_what_is_not_there_ends_with_three(callboard: Callboard, words: list[str]) -> None:
    begin()

    ended = callboard(*words)

    assert ended.code == 3
    assert log() == []


def test_a_lead_is_opted_out_by_its_address_and_in_again_with_a_reason(callboard: Callboard) -> None:
    rows = begin()

    out = callboard("leads", "opt-out", LEAD.upper(), "--operator", "ann")
    again = callboard("leads", "opt-out", str(rows.lead_id)[:13])
    unreasoned = callboard("leads", "opt-in", LEAD)
    back = callboard("leads", "opt-in", LEAD, "--reason", "wrote that it was a mistake", "--operator", "ann")

    whose = f"lead {rows.lead_id} {LEAD} of client {CLIENT}\n"
    assert (out.out, again.out, back.out) == (
        f"opted out: {whose}",
        f"opted out before: {whose}",
        f"opted in again: {whose}",
    )
    assert (out.code, again.code, unreasoned.code, back.code) == (0, 0, 2, 0)
    assert [row[1:] for row in log()] == [
        ("opt-out", str(rows.lead_id), None, "done"),
        ("opt-out", str(rows.lead_id), None, "unchanged"),
        ("opt-in", str(rows.lead_id), "wrote that it was a mistake", "done"),
    ]


def test_an_address_of_several_clients_needs_the_client(callboard: Callboard) -> None:
    rows = begin()
    query("INSERT INTO client (id, name, sender_address) VALUES ('beta', 'Beta', 'hi@beta.example')")
    query("INSERT INTO lead (id, client_id, address) VALUES (gen_random_uuid(), 'beta', %s)", (LEAD,))

    vague, named = callboard("leads", "opt-out", LEAD), callboard("leads", "opt-out", LEAD, "--client", CLIENT)

    assert (vague.code, named.code) == (2, 0)
    assert "names several leads" in vague.err
    assert query("SELECT id FROM lead WHERE opted_out_at IS NOT NULL") == [(rows.lead_id,)]


def test_dry_run_of_an_opt_out_changes_nothing(callboard: Callboard) -> None:
    begin()

    ended = callboard("leads", "opt-out", LEAD, "--dry-run")

    assert ended.code == 0
    assert ended.out.startswith("dry run: opted out: lead ")
    assert (query("SELECT opted_out_at FROM lead"), log()) == ([(None,)], [])
