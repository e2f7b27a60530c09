-- Drafts that a replay was asked to keep. They stand apart from `draft`: what stands there may be sent.

CREATE TABLE replay_draft (
  run_id          text NOT NULL,
  lead_message_id uuid NOT NULL REFERENCES lead_message (id),
  subject         text NOT NULL,
  content         text NOT NULL,
  prompt_key      text NOT NULL,
  model           text NOT NULL,
  inputs_digest   text NOT NULL,
  score           integer CHECK (score BETWEEN 0 AND 100),
  failure_type    text,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (run_id, lead_message_id)
);
CREATE INDEX replay_draft_lead_message ON replay_draft (lead_message_id);
