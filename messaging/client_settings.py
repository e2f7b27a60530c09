"""What an operator sees of clients and their campaigns and may set: switches, clocks, sending hours, delays, rates.

It must not know the gate. Every change holds the client's row alone, so that it waits for sends that are being decided,
and is on record with its operator in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from messaging.store import lock_client_alone, pause_client, resume_client
from models.database import atomic, query
from models.ledger.operators import Operator, record_action
from policy.errors import NotFound
from policy.sending_rates import NONE, Rate, read_rate, write_rate

#: Names of settings with their values before and after; only what differs.
Difference = dict[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign as it is set. Hours and zone of None are the client's."""

    name: str
    auto_send: bool
    delay_min_s: int
    delay_max_s: int
    sending_hours: str | None
    timezone: str | None


@dataclass(frozen=True, slots=True)
class ClientView:
    """A client as it is set. `rate` and `lead_rate` are texts such as `100/h`, or `none`."""

    id: str
    name: str
    sender_address: str
    paused_at: datetime | None
    timezone: str
    sending_hours: str
    rate: str
    lead_rate: str
    known_prices: tuple[str, ...]
    scheduling_links: tuple[str, ...]
    campaigns: tuple[CampaignView, ...]


def list_clients(client_id: str | None = None) -> list[ClientView]:
    """All clients by their ids, or the one of this id, with their campaigns by name."""
    one = (client_id, client_id)
    rates: dict[tuple[str, str], str] = {
        (client, scope): write_rate(Rate(most, period_s))
        for client, scope, most, period_s in query("SELECT client_id, scope, most, period_s FROM sending_rate")
    }
    campaigns = query(
        "SELECT client_id, name, auto_send, delay_min_s, delay_max_s, sending_hours, timezone FROM campaign"
        " WHERE %s::text IS NULL OR client_id = %s ORDER BY name",
        one,
    )
    clients = query(
        "SELECT id, name, sender_address, paused_at, timezone, coalesce(sending_hours, 'always'), known_prices,"
        " scheduling_links FROM client"
        " WHERE %s::text IS NULL OR id = %s ORDER BY id",
        one,
    )
    return [
        ClientView(
            found,
            name,
            sender,
            paused_at,
            zone,
            hours,
            rates.get((found, "client"), NONE),
            rates.get((found, "lead"), NONE),
            tuple(prices),
            tuple(links),
            tuple(CampaignView(*each[1:]) for each in campaigns if each[0] == found),
        )
        for found, name, sender, paused_at, zone, hours, prices, links in clients
    ]


def read_client_view(client_id: str) -> ClientView:
    """The client as it is set. Raises NotFound."""
    found = list_clients(client_id)
    if not found:
        raise NotFound(f"no client {client_id!r}")
    return found[0]


def switch_client(client_id: str, operator: Operator, *, paused: bool) -> bool:
    """Throw the kill switch or take it back; False if it stood so. Raises NotFound."""
    with atomic():
        moved = pause_client(client_id) if paused else resume_client(client_id)
        verb, result = "pause" if paused else "resume", "done" if moved else "unchanged"
        record_action(operator, verb, client_id, result, before={"paused": paused is not moved})
    return moved


def set_client(client_id: str, wanted: Mapping[str, Any], operator: Operator | None) -> Difference:
    """Set `timezone`, `sending_hours`, `rate`, `lead_rate`, and the tuples `known_prices` and `scheduling_links` (each
    optional) of a client; gives what differs.

    The texts are those that the policies write. Without an operator nothing is set. Raises NotFound.
    """
    with atomic():
        lock_client_alone(client_id)
        before = read_client_view(client_id)
        changes = {name: (getattr(before, name), value) for name, value in wanted.items()}
        difference = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
        if operator is None or not difference:
            return difference
        for name, (_, value) in difference.items():
            _SET[name](client_id, value)
        _record(operator, client_id, difference)
    return difference


def set_campaign(client_id: str, name: str, wanted: Mapping[str, Any], operator: Operator | None) -> Difference:
    """Set `auto_send`, `delay_min_s`, `delay_max_s`, `sending_hours`, `timezone` (each optional) of a campaign.

    Hours and zone of None are the client's. Gives what differs; without an operator nothing is set. Raises NotFound.
    """
    with atomic():
        lock_client_alone(client_id)
        found = {one.name: one for one in read_client_view(client_id).campaigns}
        if name not in found:
            raise NotFound(f"client {client_id!r} has no campaign {name!r}")
        changes = {each: (getattr(found[name], each), value) for each, value in wanted.items()}
        difference = {each: pair for each, pair in changes.items() if pair[0] != pair[1]}
        if operator is None or not difference:
            return difference
        values = {each: getattr(found[name], each) for each in _CAMPAIGN_COLUMNS} | dict(wanted)
        query(
            "UPDATE campaign SET auto_send = %s, delay_min_s = %s, delay_max_s = %s, sending_hours = %s, timezone = %s"
            " WHERE client_id = %s AND name = %s",
            (*(values[each] for each in _CAMPAIGN_COLUMNS), client_id, name),
        )
        _record(operator, f"{client_id}/{name}", difference)
    return difference


_CAMPAIGN_COLUMNS = ("auto_send", "delay_min_s", "delay_max_s", "sending_hours", "timezone")


def _set_rate(client_id: str, scope: str, text: str) -> None:
    rate = read_rate(text)
    if rate is None:
        query("DELETE FROM sending_rate WHERE client_id = %s AND scope = %s", (client_id, scope))
        return
    query(
        "INSERT INTO sending_rate (client_id, scope, most, period_s) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (client_id, scope) DO UPDATE SET most = excluded.most, period_s = excluded.period_s",
        (client_id, scope, rate.most, rate.period_s),
    )


def _set_column(client_id: str, column: str, value: str | list[str]) -> None:
    query(f"UPDATE client SET {column} = %s WHERE id = %s", (value, client_id))


#: How each setting of a client is written: client, value.
_SET: Mapping[str, Callable[[str, Any], None]] = {
    "timezone": lambda client_id, text: _set_column(client_id, "timezone", text),
    "sending_hours": lambda client_id, text: _set_column(client_id, "sending_hours", text),
    "known_prices": lambda client_id, texts: _set_column(client_id, "known_prices", list(texts)),
    "scheduling_links": lambda client_id, texts: _set_column(client_id, "scheduling_links", list(texts)),
    "rate": lambda client_id, text: _set_rate(client_id, "client", text),
    "lead_rate": lambda client_id, text: _set_rate(client_id, "lead", text),
}


def _record(operator: Operator, target: str, difference: Difference) -> None:
    before = {name: pair[0] for name, pair in difference.items()}
    after = {name: pair[1] for name, pair in difference.items()}
    record_action(operator, "set", target, "done", before=before, after=after)
