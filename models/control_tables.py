"""The control plane's tables as peewee models, and those of conversation sync and lead scoring."""

from __future__ import annotations

from peewee import BigIntegerField, CompositeKey, IntegerField, TextField, UUIDField

from models.tables import InstantField, JsonField, Table


class FunctionSlot(Table):
    """One of the places that limit how many jobs of a function work at once."""

    function = TextField()
    slot = IntegerField()
    job_id = UUIDField(null=True)
    fence = BigIntegerField(null=True)
    taken_at = InstantField(null=True)

    class Meta:
        table_name = "function_slot"
        primary_key = CompositeKey("function", "slot")


class Conversation(Table):
    """A lead's messages rolled up."""

    lead_id = UUIDField(primary_key=True)
    client_id = TextField()
    status = TextField()
    inbound = IntegerField()
    outbound = IntegerField()
    last_inbound_at = InstantField(null=True)
    last_outbound_at = InstantField(null=True)
    last_arrival = BigIntegerField()
    synced_at = InstantField()

    class Meta:
        table_name = "conversation"


class LeadScore(Table):
    """A lead's score with its reasons."""

    lead_id = UUIDField(primary_key=True)
    client_id = TextField()
    score = IntegerField()
    reasons = JsonField()
    rules = TextField()
    last_arrival = BigIntegerField()
    scored_at = InstantField()

    class Meta:
        table_name = "lead_score"
