"""The reply domain's tables as peewee models: clients, their rates, campaigns, leads, lead messages, drafts."""

from __future__ import annotations

from peewee import BigIntegerField, BooleanField, CompositeKey, IntegerField, TextField, UUIDField

from models.tables import InstantField, Table, TextsField


class Client(Table):
    """The tenant: whose leads, campaigns and mails these are."""

    id = TextField(primary_key=True)
    name = TextField()
    sender_address = TextField()
    own_addresses = TextsField()
    timezone = TextField()
    scheduling_links = TextsField()
    known_prices = TextsField()
    paused_at = InstantField(null=True)
    created_at = InstantField()
    sending_hours = TextField(null=True)

    class Meta:
        table_name = "client"


class Campaign(Table):
    """What a client wants said to its leads, and whether replies go out by themselves."""

    id = UUIDField(primary_key=True)
    client_id = TextField()
    name = TextField()
    auto_send = BooleanField()
    delay_min_s = IntegerField()
    delay_max_s = IntegerField()
    signature = TextField()
    created_at = InstantField()
    sending_hours = TextField(null=True)
    timezone = TextField(null=True)

    class Meta:
        table_name = "campaign"


class Lead(Table):
    """A person who may write to a client."""

    id = UUIDField(primary_key=True)
    client_id = TextField()
    campaign_id = UUIDField(null=True)
    address = TextField()
    name = TextField()
    opted_out_at = InstantField(null=True)
    created_at = InstantField()

    class Meta:
        table_name = "lead"


class LeadMessage(Table):
    """A message to or from a lead."""

    id = UUIDField(primary_key=True)
    lead_id = UUIDField()
    direction = TextField()
    channel = TextField()
    identity = TextField()
    internet_message_id = TextField(null=True)
    in_reply_to = TextField(null=True)
    reference_ids = TextField()
    subject = TextField()
    body = TextField()
    draft_id = UUIDField(null=True)
    never_answer = TextField(null=True)
    processed_at = InstantField(null=True)
    inbound_job_id = UUIDField(null=True)
    sent_at = InstantField()
    created_at = InstantField()
    arrival = BigIntegerField()
    recipient = TextField(null=True)
    thread = TextField(null=True)

    class Meta:
        table_name = "lead_message"


class Draft(Table):
    """A reply that has been written, and what became of it."""

    id = UUIDField(primary_key=True)
    lead_id = UUIDField()
    lead_message_id = UUIDField()
    status = TextField()
    refusal = TextField(null=True)
    subject = TextField()
    content = TextField()
    prompt_key = TextField()
    model = TextField()
    inputs_digest = TextField()
    revision = IntegerField()
    sending_job_id = UUIDField(null=True)
    sending_at = InstantField(null=True)
    created_at = InstantField()
    updated_at = InstantField()
    client_id = TextField(null=True)
    let_out_at = InstantField(null=True)
    parts = TextsField(null=True)

    class Meta:
        table_name = "draft"


class ReplayDraft(Table):
    """A draft that a replay was asked to keep. It stands apart from drafts: it can never be sent."""

    run_id = TextField()
    lead_message_id = UUIDField()
    subject = TextField()
    content = TextField()
    prompt_key = TextField()
    model = TextField()
    inputs_digest = TextField()
    score = IntegerField(null=True)
    failure_type = TextField(null=True)
    created_at = InstantField()

    class Meta:
        table_name = "replay_draft"
        primary_key = CompositeKey("run_id", "lead_message_id")


class SendingRate(Table):
    """How many replies of a client, or to one of its leads, may go out within a sliding period."""

    client_id = TextField()
    scope = TextField()
    most = IntegerField()
    period_s = IntegerField()

    class Meta:
        table_name = "sending_rate"
        primary_key = CompositeKey("client_id", "scope")
