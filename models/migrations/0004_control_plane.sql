-- The control plane: windows say what was missed before them, functions take slots, a client's jobs in flight can be
-- counted; and the tables of conversation sync and lead scoring.

-- Whole windows between the one before and this one that nobody ticked in.
ALTER TABLE background_dispatch_window ADD COLUMN missed_before integer NOT NULL DEFAULT 0 CHECK (missed_before >= 0);
-- Windows whose outcome is still owed: few at any time.
CREATE INDEX background_dispatch_window_open ON background_dispatch_window (window_start)
  WHERE status IN ('DISPATCHING', 'ENQUEUE_FAILED');

-- What a client has released or running. Jobs of nobody have no entry and no cap.
CREATE INDEX background_job_in_flight ON background_job (client_id)
  WHERE state IN ('queued', 'running') AND client_id IS NOT NULL;

-- How many at once: a function works only while its job holds a slot. A slot is held as long as its job runs under this
-- fence, so nothing has to be let go: a worker that is killed loses its job, and with it the slot.
CREATE TABLE function_slot (
  function text NOT NULL,
  slot     integer NOT NULL CHECK (slot >= 1),
  job_id   uuid,
  fence    bigint,
  taken_at timestamptz,
  PRIMARY KEY (function, slot),
  CONSTRAINT function_slot_taken_by_a_claim CHECK ((job_id IS NULL) = (fence IS NULL) AND (job_id IS NULL) = (taken_at IS NULL))
);

-- A lead's messages rolled up, as of the newest one by arrival.
CREATE TABLE conversation (
  lead_id          uuid PRIMARY KEY REFERENCES lead (id),
  client_id        text NOT NULL REFERENCES client (id),
  status           text NOT NULL CHECK (status IN ('awaiting_us', 'awaiting_lead', 'not_answered', 'opted_out', 'held')),
  inbound          integer NOT NULL CHECK (inbound >= 0),
  outbound         integer NOT NULL CHECK (outbound >= 0),
  last_inbound_at  timestamptz,
  last_outbound_at timestamptz,
  last_arrival     bigint NOT NULL,
  synced_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT conversation_counts_have_times
    CHECK ((inbound = 0) = (last_inbound_at IS NULL) AND (outbound = 0) = (last_outbound_at IS NULL))
);
CREATE INDEX conversation_client ON conversation (client_id, status);
CREATE INDEX conversation_arrival ON conversation (last_arrival);
CREATE INDEX lead_message_arrival ON lead_message (arrival);

-- A lead's score with its reasons, as of the newest message by arrival.
CREATE TABLE lead_score (
  lead_id      uuid PRIMARY KEY REFERENCES lead (id),
  client_id    text NOT NULL REFERENCES client (id),
  score        integer NOT NULL CHECK (score BETWEEN 0 AND 100),
  reasons      jsonb NOT NULL,
  rules        text NOT NULL,
  last_arrival bigint NOT NULL,
  scored_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX lead_score_client ON lead_score (client_id, score DESC);

-- Keys that callers named and whose period will end; a job that is its own key has nothing to let go of.
CREATE INDEX background_job_key_due ON background_job (key_expires_at)
  WHERE holds_key AND state = 'succeeded' AND dispatch_key <> id::text;
-- Drafts being sent: those that stay so are settled by their effects.
CREATE INDEX draft_sending ON draft (sending_at) WHERE status = 'sending';
