-- Claim a fetched batch: copies of released jobs are moved, plain sends are inserted, each opens its attempt.
-- $1 worker, $2 claim, $3 host, $4 pid, $5 code version, $6 ids, $7 releases (null: a plain send), $8 keys, $9 actors,
-- $10 queues, $11 payloads, $12 clients, $13 attempts allowed, $14 correlations, $15 causations, $16 sources,
-- $17 requested at, $18 dedupe period in s, $19 traceparents. Answers the place (from 1) of each copy that was claimed,
-- then its claim.
WITH alive AS (
  SELECT id FROM worker WHERE id = $1 AND lost_at IS NULL AND stopped_at IS NULL),
copy AS MATERIALIZED (
  SELECT * FROM unnest($6::uuid[], $7::int[], $8::text[], $9::text[], $10::text[], $11::bytea[], $12::text[], $13::int[],
                       $14::text[], $15::text[], $16::text[], $17::timestamptz[], $19::text[])
    WITH ORDINALITY AS copy (id, release, key, actor, queue, payload, client, allowed, correlation, causation, source,
                             requested_at, traceparent, place)),
-- What moves is decided on the locked rows, which nobody else can change any more. Said of the table that is updated, the
-- same conditions have the planner read every queued job, and expect one: a loop of every copy over every other. So would a
-- plain state = 'queued' here. Rows in other states are not waited for: a running job's may be locked for long.
locked AS MATERIALIZED (
  SELECT job.id, job.release FROM background_job AS job
  WHERE job.id = ANY ($6::uuid[]) AND job.state IN ('queued', '') ORDER BY job.id FOR UPDATE),
moved AS (
  UPDATE background_job AS job
  SET state = 'running', fence = job.fence + 1, attempts = job.attempts + 1, claim_id = $2, worker_id = $1
  FROM copy JOIN locked USING (id, release) CROSS JOIN alive
  WHERE job.id = locked.id
  RETURNING job.*),
made AS (
  INSERT INTO background_job (
    id, dispatch_key, key_expires_at, actor, queue, payload, client_id, state, run_at, fence, attempts, claim_id, worker_id,
    attempts_allowed, correlation_id, causation_id, source, requested_at, traceparent)
  SELECT copy.id, copy.key, clock_timestamp() + make_interval(secs => $18), copy.actor, copy.queue, copy.payload,
         copy.client, 'running', copy.requested_at, 1, 1, $2, $1, copy.allowed, copy.correlation, copy.causation,
         copy.source, copy.requested_at, copy.traceparent
  FROM copy CROSS JOIN alive
  WHERE copy.release IS NULL
  ORDER BY copy.key, copy.id
  ON CONFLICT DO NOTHING
  RETURNING *),
claimed AS (
  SELECT *, true AS was_released FROM moved UNION ALL SELECT *, false FROM made),
opened AS (
  INSERT INTO background_function_run (
    run_key, job_id, run_id, function_name, status, attempt, fence, source, client_id, dispatch_key, correlation_id,
    requested_at, claimed_at, queue_ms, worker_id, host, pid, code_version)
  SELECT actor || ':' || id || ':' || attempts, id, id, actor, 'RUNNING', attempts, fence, source, client_id, dispatch_key,
         correlation_id, requested_at, now(), greatest(0, extract(epoch FROM clock_timestamp() - run_at)) * 1000, $1, $3,
         $4, $5
  FROM claimed
  RETURNING id, job_id, claimed_at, queue_ms)
SELECT copy.place, claimed.fence, claimed.attempts, opened.id, opened.claimed_at, opened.queue_ms,
       CASE WHEN claimed.was_released THEN claimed.payload END, claimed.attempts_spent, claimed.attempts_allowed,
       claimed.throttles, claimed.suspect, claimed.client_id, claimed.dispatch_key, claimed.correlation_id,
       claimed.source, claimed.requested_at
FROM claimed JOIN opened ON opened.job_id = claimed.id JOIN copy ON copy.id = claimed.id
