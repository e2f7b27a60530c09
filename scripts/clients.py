"""`callboard clients`: the kill switch, clocks, sending hours, delays and rates of clients and their campaigns."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable
from functools import partial
from typing import Any
from unicodedata import category

from messaging.client_settings import (
    CampaignView,
    ClientView,
    Difference,
    list_clients,
    read_client_view,
    set_campaign,
    set_client,
    switch_client,
)
from messaging.send_time import is_zone
from models.readings.paging import Page
from models.readings.wording import moment
from policy.sending_hours import SYNTAX, read_hours, write_hours
from policy.sending_rates import read_rate, write_rate
from policy.setting_urls import is_usable
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.listing import show_page
from scripts.parsing import Subparsers
from scripts.patience import patiently
from scripts.screens import Column, as_json, named_values, screen_width, shown, table
from scripts.several import add_operator_options, operator_of

_WAITS_FOR = "sends and ingests of this client that are being decided"
#: What takes a campaign's own hours or zone away again.
_INHERIT = "inherit"
_LINK_SCHEMES = ("http", "https")
#: What empties a list of prices or links.
_NONE = "none"
#: Longest delay before a reply, in s: thirty days.
_DELAY_MOST_S = 2_592_000


def add_parser(commands: Subparsers) -> None:
    """Add `clients list`, `show`, `pause`, `resume`, `set` and `campaign` to the commands."""
    verbs = commands.add_parser("clients", help="kill switch, sending hours, rates").add_subparsers(
        metavar="VERB", required=True
    )
    listing = verbs.add_parser("list", help="clients by their ids")
    listing.add_argument("--json", action="store_true", help="a list of objects instead of a table")
    listing.set_defaults(run=run_list)
    showing = verbs.add_parser("show", help="one client with its campaigns")
    showing.add_argument("id", metavar="CLIENT", help="a client's id")
    showing.add_argument("--json", action="store_true", help="one object")
    showing.set_defaults(run=run_show)
    for verb, paused, text in (
        ("pause", True, "throw the kill switch: nothing is sent that has not been intended yet"),
        ("resume", False, "take the kill switch back"),
    ):
        switch = verbs.add_parser(verb, help=text)
        switch.add_argument("id", metavar="CLIENT", help="a client's id")
        add_operator_options(switch, objects="one object")
        switch.set_defaults(run=partial(run_switch, paused=paused))
    _add_set(verbs)
    _add_campaign(verbs)


def _add_set(verbs: Subparsers) -> None:
    setting = verbs.add_parser("set", help="set a client's clock, sending hours, rates, prices and links")
    setting.add_argument("id", metavar="CLIENT", help="a client's id")
    setting.add_argument("--timezone", type=_zone, metavar="ZONE", help="an IANA name, such as Europe/Berlin")
    setting.add_argument("--sending-hours", type=_hours, metavar="HOURS", help=SYNTAX)
    setting.add_argument("--rate", type=_rate, metavar="RATE", help="replies of the client: 100/h, 50/10m, none")
    setting.add_argument("--lead-rate", type=_rate, metavar="RATE", help="replies to any one lead: 3/d, none")
    setting.add_argument(
        "--price",
        action="append",
        type=_price,
        dest="known_prices",
        metavar="TEXT",
        help="what replies may say that it costs; none",
    )
    setting.add_argument(
        "--link",
        action="append",
        type=_link,
        dest="scheduling_links",
        metavar="URL",
        help="a scheduling link of the client's; none",
    )
    add_operator_options(setting, objects="one object")
    setting.set_defaults(run=run_set)


def _add_campaign(verbs: Subparsers) -> None:
    setting = verbs.add_parser("campaign", help="set whether and when a campaign sends by itself")
    setting.add_argument("id", metavar="CLIENT", help="a client's id")
    setting.add_argument("name", metavar="CAMPAIGN", help="the campaign's name")
    setting.add_argument("--auto-send", choices=("on", "off"), help="whether replies go out by themselves")
    setting.add_argument(
        "--delay", type=_delay, metavar="S-S", help="seconds before a reply, drawn from a range: 60-300"
    )
    setting.add_argument(
        "--sending-hours", type=_or_inherit(_hours), metavar="HOURS", help="as for a client; inherit: the client's"
    )
    setting.add_argument(
        "--timezone",
        type=_or_inherit(_zone),
        metavar="ZONE",
        help="the clock of its sending hours; inherit: the client's",
    )
    add_operator_options(setting, objects="one object")
    setting.set_defaults(run=run_campaign)


def run_list(args: argparse.Namespace) -> ExitCode:
    """Print the clients."""
    open_ledger()
    clients = list_clients()
    columns: list[Column[ClientView]] = [
        Column("CLIENT", lambda one: one.id),
        Column("SENDS", lambda one: "yes" if one.paused_at is None else f"paused {moment(one.paused_at)}"),
        Column("ZONE", lambda one: one.timezone),
        Column("HOURS", lambda one: one.sending_hours, gives_way=True),
        Column("RATE", lambda one: one.rate),
        Column("LEAD RATE", lambda one: one.lead_rate),
        Column("CAMPAIGNS", lambda one: shown([each.name for each in one.campaigns]), gives_way=True),
    ]
    return show_page(Page(clients, None), columns, as_objects=args.json)


def run_show(args: argparse.Namespace) -> ExitCode:
    """Print a client. Raises NotFound."""
    open_ledger()
    client = read_client_view(args.id)
    if args.json:
        print(as_json(client))
        return ExitCode.DONE
    fields = {field.name: getattr(client, field.name) for field in dataclasses.fields(client)}
    campaigns = fields.pop("campaigns")
    print("\n".join(named_values(fields)))
    columns: list[Column[CampaignView]] = [
        Column("CAMPAIGN", lambda one: one.name, gives_way=True),
        Column("AUTO SEND", lambda one: shown(one.auto_send)),
        Column("DELAY", lambda one: f"{one.delay_min_s}-{one.delay_max_s} s", right=True),
        Column("HOURS", lambda one: one.sending_hours or "the client's", gives_way=True),
        Column("ZONE", lambda one: one.timezone or "the client's"),
    ]
    if campaigns:
        print("\n" + "\n".join(table(columns, campaigns, screen_width())))
    return ExitCode.DONE


def run_switch(args: argparse.Namespace, *, paused: bool) -> ExitCode:
    """Throw the kill switch or take it back; on record. Raises NotFound."""
    open_ledger()
    if args.dry_run:
        moved = (read_client_view(args.id).paused_at is not None) is not paused
    else:
        moved = patiently(lambda: switch_client(args.id, operator_of(args), paused=paused), _WAITS_FOR)
    difference: Difference = {"paused": (not paused, paused)} if moved else {}
    return _say(args, args.id, difference)


def run_set(args: argparse.Namespace) -> ExitCode:
    """Set what is given; on record. Raises NotFound."""
    open_ledger()
    names = ("timezone", "sending_hours", "rate", "lead_rate")
    wanted: dict[str, Any] = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    for name, option in (("known_prices", "--price"), ("scheduling_links", "--link")):
        texts = getattr(args, name)
        if texts is not None:
            if _NONE in texts and len(texts) > 1:
                return _usage(f"{option} none stands alone: it empties the list")
            wanted[name] = () if texts == [_NONE] else tuple(texts)
    if not wanted:
        return _usage("nothing to set: give --timezone, --sending-hours, --rate, --lead-rate, --price or --link")
    operator = None if args.dry_run else operator_of(args)
    return _say(args, args.id, patiently(lambda: set_client(args.id, wanted, operator), _WAITS_FOR))


def run_campaign(args: argparse.Namespace) -> ExitCode:
    """Set what is given of a campaign; on record. Raises NotFound."""
    open_ledger()
    wanted: dict[str, Any] = {}
    if args.auto_send is not None:
        wanted["auto_send"] = args.auto_send == "on"
    if args.delay is not None:
        wanted |= dict(zip(("delay_min_s", "delay_max_s"), args.delay, strict=True))
    for name in ("sending_hours", "timezone"):
        value = getattr(args, name)
        if value is not None:
            wanted[name] = None if value == _INHERIT else value
    if not wanted:
        return _usage("nothing to set: give --auto-send, --delay, --sending-hours or --timezone")
    operator = None if args.dry_run else operator_of(args)
    change = partial(set_campaign, args.id, args.name, wanted, operator)
    return _say(args, f"{args.id}/{args.name}", patiently(change, _WAITS_FOR))


def _say(args: argparse.Namespace, target: str, difference: Difference) -> ExitCode:
    """What has changed, or would."""
    if args.json:
        changes = {name: {"before": before, "after": after} for name, (before, after) in difference.items()}
        print(as_json({"target": target, "dry_run": args.dry_run, "changes": changes}))
        return ExitCode.DONE
    verb = "would set" if args.dry_run else "set"
    for name, (before, after) in difference.items():
        print(f"{verb} {name.replace('_', ' ')} of {target}: {shown(before)} -> {shown(after)}")
    if not difference:
        print(f"{target} stands so already")
    return ExitCode.DONE


def _usage(message: str) -> ExitCode:
    print(f"callboard clients: {message}", file=sys.stderr)
    return ExitCode.USAGE


def _zone(text: str) -> str:
    if not is_zone(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no time zone: an IANA name, such as Europe/Berlin, or UTC")
    return text


def _hours(text: str) -> str:
    try:
        return write_hours(read_hours(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _rate(text: str) -> str:
    try:
        return write_rate(read_rate(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _price(text: str) -> str:
    """With plain spaces: French writes `1\u202f200\u00a0€`, and so does a spreadsheet."""
    plain = "".join(" " if category(char) == "Zs" else char for char in text).strip()
    if not plain or not plain.isprintable() or text.splitlines() != [text]:
        raise argparse.ArgumentTypeError(f"{text!r} is no price: a text on one line, such as '$49 a van', or none")
    return _NONE if plain.lower() == _NONE else plain


def _link(text: str) -> str:
    if text.lower() == _NONE:
        return _NONE
    scheme, mark, rest = text.partition("://")
    url = scheme.lower() + mark + rest
    if " " in url or not url.isprintable() or not is_usable(url, _LINK_SCHEMES):
        allowed = "a URL that begins with http:// or https:// and names a host, or none"
        raise argparse.ArgumentTypeError(f"{text!r} is no link: {allowed}")
    return url


def _or_inherit(read: Callable[[str], str]) -> Callable[[str], str]:
    def value(text: str) -> str:
        return text if text == _INHERIT else read(text)

    return value


def _delay(text: str) -> tuple[int, int]:
    least, dash, most = text.partition("-")
    if not dash:
        most = least
    if not (least.isdecimal() and most.isdecimal()) or not int(least) <= int(most) <= _DELAY_MOST_S:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no range of seconds: 60-300, 0 for at once, {_DELAY_MOST_S} at most"
        )
    return int(least), int(most)
