-- The reply domain: clients (tenants), campaigns, leads, lead messages, drafts.

CREATE TABLE client (
  id             text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
  name           text NOT NULL,
  sender_address text NOT NULL,
  own_addresses  text[] NOT NULL DEFAULT '{}',
  timezone       text NOT NULL DEFAULT 'UTC',
  scheduling_links text[] NOT NULL DEFAULT '{}',
  paused_at      timestamptz,
  created_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE campaign (
  id          uuid PRIMARY KEY,
  client_id   text NOT NULL REFERENCES client (id),
  name        text NOT NULL,
  auto_send   boolean NOT NULL DEFAULT false,
  delay_min_s integer NOT NULL DEFAULT 0 CHECK (delay_min_s >= 0),
  delay_max_s integer NOT NULL DEFAULT 0,
  signature   text NOT NULL DEFAULT '',
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (client_id, name),
  CONSTRAINT campaign_delay_in_order CHECK (delay_max_s >= delay_min_s)
);

CREATE TABLE lead (
  id           uuid PRIMARY KEY,
  client_id    text NOT NULL REFERENCES client (id),
  campaign_id  uuid REFERENCES campaign (id),
  address      text NOT NULL,
  name         text NOT NULL DEFAULT '',
  opted_out_at timestamptz,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (client_id, address)
);

CREATE TABLE lead_message (
  id                  uuid PRIMARY KEY,
  lead_id             uuid NOT NULL REFERENCES lead (id),
  direction           text NOT NULL CHECK (direction IN ('inbound', 'outbound')),
  channel             text NOT NULL DEFAULT 'email' CHECK (channel IN ('email', 'sms', 'linkedin')),
  identity            text NOT NULL,
  internet_message_id text,
  in_reply_to         text,
  reference_ids       text NOT NULL DEFAULT '',
  subject             text NOT NULL DEFAULT '',
  body                text NOT NULL,
  draft_id            uuid,
  never_answer        text,
  -- Set once the inbound job has done its part (a draft, or nothing to answer); it outlives the job's row.
  processed_at        timestamptz,
  inbound_job_id      uuid,
  sent_at             timestamptz NOT NULL,
  created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  arrival             bigint GENERATED ALWAYS AS IDENTITY,
  UNIQUE (lead_id, direction, identity)
);
CREATE INDEX lead_message_order ON lead_message (lead_id, sent_at, arrival);

CREATE TABLE draft (
  id              uuid PRIMARY KEY,
  lead_id         uuid NOT NULL REFERENCES lead (id),
  lead_message_id uuid NOT NULL REFERENCES lead_message (id),
  status          text NOT NULL DEFAULT 'pending'
    CHECK (status IN ('pending', 'sending', 'sent', 'refused', 'held', 'failed')),
  refusal         text,
  subject         text NOT NULL DEFAULT '',
  content         text NOT NULL,
  prompt_key      text NOT NULL,
  model           text NOT NULL,
  inputs_digest   text NOT NULL,
  sending_job_id  uuid,
  sending_at      timestamptz,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (lead_message_id),
  CONSTRAINT draft_refused_says_why CHECK ((status = 'refused') = (refusal IS NOT NULL)),
  CONSTRAINT draft_sending_has_holder CHECK (status <> 'sending' OR (sending_job_id IS NOT NULL AND sending_at IS NOT NULL))
);
CREATE INDEX draft_lead ON draft (lead_id);
