-- The ledger: jobs, attempts, windows, effects, dead letters, operators' log, workers. Contradictory rows are impossible.

CREATE TABLE background_job (
  id                    uuid PRIMARY KEY,
  dispatch_key          text NOT NULL CHECK (octet_length(dispatch_key) BETWEEN 1 AND 512),
  holds_key             boolean NOT NULL DEFAULT true,
  key_expires_at        timestamptz NOT NULL,
  actor                 text NOT NULL,
  queue                 text NOT NULL,
  payload               bytea NOT NULL,
  client_id             text,
  lead_id               text,
  lead_message_id       text,
  state                 text NOT NULL,
  run_at                timestamptz NOT NULL,
  release               integer NOT NULL DEFAULT 0 CHECK (release >= 0),
  released_at           timestamptz,
  fence                 bigint NOT NULL DEFAULT 0 CHECK (fence >= 0),
  claim_id              uuid,
  worker_id             uuid,
  attempts              integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  attempts_spent        integer NOT NULL DEFAULT 0 CHECK (attempts_spent >= 0),
  attempts_allowed      integer CHECK (attempts_allowed >= 1),
  crashes               integer NOT NULL DEFAULT 0 CHECK (crashes >= 0),
  throttles             integer NOT NULL DEFAULT 0 CHECK (throttles >= 0),
  requeues              integer NOT NULL DEFAULT 0 CHECK (requeues >= 0),
  suspect               boolean NOT NULL DEFAULT false,
  correlation_id        text NOT NULL,
  causation_id          text,
  source                text,
  requested_at          timestamptz NOT NULL,
  duplicates_suppressed integer NOT NULL DEFAULT 0 CHECK (duplicates_suppressed >= 0),
  last_error            text,
  result                jsonb,
  created_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at           timestamptz,
  CONSTRAINT background_job_state_known
    CHECK (state IN ('pending', 'queued', 'running', 'succeeded', 'dead', 'cancelled', 'discarded')),
  CONSTRAINT background_job_running_has_holder
    CHECK ((state = 'running') = (worker_id IS NOT NULL) AND (state = 'running') = (claim_id IS NOT NULL)),
  CONSTRAINT background_job_finished_has_time
    CHECK ((state IN ('succeeded', 'dead', 'cancelled', 'discarded')) = (finished_at IS NOT NULL)),
  CONSTRAINT background_job_queued_was_released
    CHECK (state <> 'queued' OR (release > 0 AND released_at IS NOT NULL)),
  CONSTRAINT background_job_live_holds_key
    CHECK (state NOT IN ('pending', 'queued', 'running') OR holds_key),
  CONSTRAINT background_job_given_up_lets_go
    CHECK (state NOT IN ('dead', 'cancelled', 'discarded') OR NOT holds_key)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);

-- One job at a time holds a dispatch key.
CREATE UNIQUE INDEX background_job_dispatch_key ON background_job (dispatch_key) WHERE holds_key;
-- The relay's choice: due jobs in turn between clients.
CREATE INDEX background_job_pending ON background_job (queue, (coalesce(client_id, '')), run_at) WHERE state = 'pending';
-- The sweep's: released long ago and not claimed.
CREATE INDEX background_job_queued ON background_job (released_at) WHERE state = 'queued';
CREATE INDEX background_job_running ON background_job (worker_id) WHERE state = 'running';
-- A job that began its own family is found by its id; only the others need an entry.
CREATE INDEX background_job_correlation ON background_job (correlation_id) WHERE correlation_id <> id::text;
CREATE INDEX background_job_key_expiry ON background_job USING brin (key_expires_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX background_job_finished ON background_job USING brin (finished_at) WITH (pages_per_range = 32, autosummarize = on);

CREATE SEQUENCE background_function_run_id_seq AS bigint CACHE 64;
CREATE TABLE background_function_run (
  id             bigint NOT NULL DEFAULT nextval('background_function_run_id_seq'),
  run_key        text NOT NULL,
  job_id         uuid NOT NULL,
  run_id         uuid NOT NULL,
  function_name  text NOT NULL,
  status         text NOT NULL,
  attempt        integer NOT NULL CHECK (attempt >= 1),
  fence          bigint NOT NULL,
  source         text,
  client_id      text,
  dispatch_key   text NOT NULL,
  correlation_id text NOT NULL,
  requested_at   timestamptz NOT NULL,
  claimed_at     timestamptz NOT NULL,
  started_at     timestamptz,
  finished_at    timestamptz,
  duration_ms    double precision CHECK (duration_ms >= 0),
  queue_ms       double precision,
  error_class    text,
  error_message  text,
  traceback      text,
  fingerprint    text,
  verdict        text,
  rule           text,
  worker_id      uuid NOT NULL,
  host           text NOT NULL,
  pid            integer NOT NULL,
  code_version   text NOT NULL,
  late_status    text,
  late_at        timestamptz,
  PRIMARY KEY (id, claimed_at),
  UNIQUE (run_key, claimed_at),
  CONSTRAINT background_function_run_status_known
    CHECK (status IN ('RUNNING', 'SUCCEEDED', 'FAILED', 'RESCHEDULED', 'CANCELLED', 'LOST')),
  CONSTRAINT background_function_run_closed_has_time CHECK ((status = 'RUNNING') = (finished_at IS NULL)),
  CONSTRAINT background_function_run_run_is_job CHECK (run_id = job_id)
) PARTITION BY RANGE (claimed_at);

-- Makes the partition of the month that holds `moment`; harmless when it is there. An attempt is written twice: with
-- room beside it on its page, its end costs no index entry.
CREATE FUNCTION make_attempt_partition(moment timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  first_day date := date_trunc('month', moment AT TIME ZONE 'UTC')::date;
  partition text := 'background_function_run_' || to_char(first_day, 'YYYY_MM');
BEGIN
  EXECUTE format(
    'CREATE TABLE IF NOT EXISTS %I PARTITION OF background_function_run FOR VALUES FROM (%L) TO (%L)'
    ' WITH (fillfactor = 50)',
    partition, first_day || ' 00:00:00+00', (first_day + interval '1 month')::date || ' 00:00:00+00');
  RETURN partition;
END $$;
SELECT make_attempt_partition(now()), make_attempt_partition(now() + interval '1 month'),
       make_attempt_partition(now() + interval '2 months');
-- A month that maintenance has not made in time still takes its attempts.
CREATE TABLE background_function_run_default PARTITION OF background_function_run DEFAULT;

CREATE TABLE background_dispatch_window (
  dispatch_key            text PRIMARY KEY,
  source                  text NOT NULL,
  requested_at            timestamptz NOT NULL,
  window_start            timestamptz NOT NULL,
  window_seconds          integer NOT NULL CHECK (window_seconds BETWEEN 15 AND 3600),
  correlation_id          text NOT NULL,
  status                  text NOT NULL
    CHECK (status IN ('DISPATCHING', 'ENQUEUED', 'ENQUEUE_FAILED', 'INLINE_EMERGENCY')),
  process_dispatch_id     text NOT NULL,
  maintenance_dispatch_id text NOT NULL,
  error_message           text,
  created_at              timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at              timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (window_start, window_seconds),
  CONSTRAINT background_dispatch_window_failure_says_why CHECK (status <> 'ENQUEUE_FAILED' OR error_message IS NOT NULL)
);

CREATE TABLE side_effect (
  effect_key         text PRIMARY KEY CHECK (octet_length(effect_key) BETWEEN 1 AND 512),
  kind               text NOT NULL,
  job_id             uuid NOT NULL,
  run_key            text NOT NULL,
  fence              bigint NOT NULL,
  state              text NOT NULL CHECK (state IN ('INTENDED', 'CONFIRMED', 'FAILED', 'REFUSED', 'UNKNOWN')),
  provider           text,
  provider_reference text,
  request_digest     text,
  result             jsonb,
  refusal            text,
  idempotent_until   timestamptz,
  intents            integer NOT NULL DEFAULT 1 CHECK (intents >= 0),
  intended_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  settled_at         timestamptz,
  CONSTRAINT side_effect_refused_says_why CHECK ((state = 'REFUSED') = (refusal IS NOT NULL)),
  CONSTRAINT side_effect_settled_has_time CHECK ((state = 'INTENDED') = (settled_at IS NULL))
);
CREATE INDEX side_effect_job ON side_effect (job_id);
CREATE INDEX side_effect_open ON side_effect (state, intended_at) WHERE state IN ('INTENDED', 'UNKNOWN');

CREATE TABLE dead_letter (
  id               uuid PRIMARY KEY,
  job_id           uuid,
  queue            text NOT NULL,
  redis_message_id text,
  payload          bytea,
  raw              bytea,
  actor            text,
  client_id        text,
  correlation_id   text,
  reason           text NOT NULL CHECK (reason IN ('terminal', 'exhausted', 'poison', 'outcome_unknown', 'expired',
                                                   'undecodable', 'actor_not_found', 'refused_by_ledger')),
  error_class      text,
  error_message    text,
  fingerprint      text,
  version          integer NOT NULL DEFAULT 1,
  died_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  resolution       text NOT NULL DEFAULT 'OPEN' CHECK (resolution IN ('OPEN', 'REQUEUED', 'DISCARDED')),
  resolved_by      text,
  resolved_reason  text,
  resolved_at      timestamptz,
  CONSTRAINT dead_letter_resolved_has_time CHECK ((resolution = 'OPEN') = (resolved_at IS NULL)),
  CONSTRAINT dead_letter_discard_says_why CHECK (resolution <> 'DISCARDED' OR resolved_reason IS NOT NULL),
  CONSTRAINT dead_letter_keeps_something CHECK (payload IS NOT NULL OR raw IS NOT NULL)
);
CREATE UNIQUE INDEX dead_letter_open_job ON dead_letter (job_id) WHERE resolution = 'OPEN';
CREATE INDEX dead_letter_job ON dead_letter (job_id);
CREATE INDEX dead_letter_open ON dead_letter (died_at, id) WHERE resolution = 'OPEN';
CREATE UNIQUE INDEX dead_letter_adopted ON dead_letter (queue, redis_message_id) WHERE job_id IS NULL;

CREATE TABLE operator_action (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  operator  text NOT NULL,
  verb      text NOT NULL,
  target    text NOT NULL,
  reason    text,
  plan_hash text,
  before    jsonb,
  after     jsonb,
  result    text NOT NULL,
  at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX operator_action_target ON operator_action (target);

-- Append-only by the database: only pruning by age may take rows away, and says so in its transaction.
CREATE FUNCTION operator_action_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.at < now() - interval '30 days'
     AND current_setting('callboard.pruning', true) = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'operator_action is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER operator_action_append_only BEFORE UPDATE OR DELETE ON operator_action
  FOR EACH ROW EXECUTE FUNCTION operator_action_is_append_only();
CREATE TRIGGER operator_action_no_truncate BEFORE TRUNCATE ON operator_action
  FOR EACH STATEMENT EXECUTE FUNCTION operator_action_is_append_only();

CREATE TABLE worker (
  id           uuid PRIMARY KEY,
  host         text NOT NULL,
  pid          integer NOT NULL,
  code_version text NOT NULL,
  queues       text[] NOT NULL,
  threads      integer NOT NULL,
  started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  lost_at      timestamptz,
  stopped_at   timestamptz
);
CREATE INDEX worker_alive ON worker (heartbeat_at) WHERE lost_at IS NULL AND stopped_at IS NULL;
