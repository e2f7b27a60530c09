-- Insert one job, as dispatch_jobs does many: most dispatches are of one, and the plan for many costs PostgreSQL a third more.
-- $1 all that is said, as texts, in this order: id, key, actor, queue, payload, client, lead, lead message, run at, delay in
-- s, attempts allowed, correlation, causation, source, traceparent, dedupe period in s, hold back (bool), jobs that one
-- client may have released or running (null: any number; jobs of nobody have no cap). Eighteen parameters of their own
-- cost twice as much to write down and to read as one.
INSERT INTO background_job (
  id, dispatch_key, key_expires_at, actor, queue, payload, client_id, lead_id, lead_message_id, state, run_at, release,
  released_at, attempts_allowed, correlation_id, causation_id, source, requested_at, traceparent)
SELECT said[1]::uuid, said[2], clock_timestamp() + make_interval(secs => said[16]::float8), said[3], said[4],
       said[5]::bytea, said[6], said[7], said[8], CASE WHEN due THEN 'queued' ELSE 'pending' END, run_at,
       CASE WHEN due THEN 1 ELSE 0 END, CASE WHEN due THEN clock_timestamp() END, said[11]::int, said[12], said[13],
       said[14], clock_timestamp(), said[15]
FROM (
  SELECT said,
         coalesce(said[9]::timestamptz, clock_timestamp() + make_interval(secs => coalesce(said[10]::float8, 0))) AS run_at,
         coalesce(said[9]::timestamptz <= clock_timestamp(), coalesce(said[10]::float8, 0) <= 0) AND NOT said[17]::bool
         AND (said[6] IS NULL OR said[18] IS NULL OR said[18]::int > (
           SELECT count(*) FROM (
             SELECT FROM background_job AS held
             WHERE held.client_id = said[6] AND held.state IN ('queued', 'running') LIMIT said[18]::int) AS in_flight)) AS due
  FROM (SELECT $1::text[]) AS wanted (said)
  OFFSET 0) AS job  -- so that each is worked out once
ON CONFLICT DO NOTHING
RETURNING state = 'queued'
