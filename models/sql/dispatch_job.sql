-- Insert one job, as dispatch_jobs does many: most dispatches are of one, and the plan for many costs PostgreSQL a third more.
-- $1 id, $2 key, $3 actor, $4 queue, $5 payload, $6 client, $7 lead, $8 lead message, $9 run at, $10 delay in s,
-- $11 attempts allowed, $12 correlation, $13 causation, $14 source, $15 traceparent, $16 dedupe period in s,
-- $17 hold back (bool), $18 jobs that one client may have released or running (null: any number; jobs of nobody have no cap)
INSERT INTO background_job (
  id, dispatch_key, key_expires_at, actor, queue, payload, client_id, lead_id, lead_message_id, state, run_at, release,
  released_at, attempts_allowed, correlation_id, causation_id, source, requested_at, traceparent)
SELECT $1::uuid, $2::text, clock_timestamp() + make_interval(secs => $16), $3, $4, $5, $6::text, $7, $8,
       CASE WHEN job.due THEN 'queued' ELSE 'pending' END, job.run_at, CASE WHEN job.due THEN 1 ELSE 0 END,
       CASE WHEN job.due THEN clock_timestamp() END, $11, $12, $13, $14, clock_timestamp(), $15
FROM (
  SELECT coalesce($9::timestamptz, clock_timestamp() + make_interval(secs => coalesce($10::float8, 0))) AS run_at,
         coalesce($9::timestamptz <= clock_timestamp(), coalesce($10::float8, 0) <= 0) AND NOT $17::bool
         AND ($6::text IS NULL OR $18::int IS NULL OR $18::int > (
           SELECT count(*) FROM (
             SELECT FROM background_job AS held
             WHERE held.client_id = $6 AND held.state IN ('queued', 'running') LIMIT $18::int) AS in_flight)) AS due
  OFFSET 0) AS job  -- so that both are worked out once
ON CONFLICT DO NOTHING
RETURNING id, state = 'queued'
