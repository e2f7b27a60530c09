-- Insert jobs that are wanted; a key that is held leaves its row out of the answer. Due ones are born released, as long as
-- their client has room for more released and running jobs.
-- $1 ids, $2 keys, $3 actors, $4 queues, $5 payloads, $6 clients, $7 leads, $8 lead messages, $9 run at, $10 delays in s,
-- $11 attempts allowed, $12 correlations, $13 causations, $14 sources, $15 traceparents, $16 dedupe period in s,
-- $17 hold back (bool), $18 jobs that one client may have released or running (null: any number; jobs of nobody have no cap)
WITH share AS MATERIALIZED (
  SELECT client, $18::int - (
           SELECT count(*) FROM (
             SELECT FROM background_job AS held
             WHERE held.client_id = asking.client AND held.state IN ('queued', 'running') LIMIT $18::int) AS in_flight) AS jobs
  FROM (SELECT DISTINCT client FROM unnest($6::text[]) AS client) AS asking
  WHERE client IS NOT NULL AND $18::int IS NOT NULL)
INSERT INTO background_job (
  id, dispatch_key, key_expires_at, actor, queue, payload, client_id, lead_id, lead_message_id, state, run_at, release,
  released_at, attempts_allowed, correlation_id, causation_id, source, requested_at, traceparent)
SELECT d.id, d.key, clock_timestamp() + make_interval(secs => $16), d.actor, d.queue, d.payload, d.client, d.lead,
       d.lead_message, CASE WHEN d.due THEN 'queued' ELSE 'pending' END, d.run_at, CASE WHEN d.due THEN 1 ELSE 0 END,
       CASE WHEN d.due THEN clock_timestamp() END, d.allowed, d.correlation, d.causation, d.source, clock_timestamp(),
       d.traceparent
FROM (
  SELECT timed.*, timed.is_due AND (share.jobs IS NULL OR share.jobs >= row_number() OVER (
           PARTITION BY timed.client, timed.is_due ORDER BY timed.key, timed.id)) AS due
  FROM (
    SELECT wanted.*, coalesce(at, clock_timestamp() + make_interval(secs => coalesce(delay_s, 0))) AS run_at,
           coalesce(at <= clock_timestamp(), coalesce(delay_s, 0) <= 0) AND NOT $17 AS is_due
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::text[],
                $9::timestamptz[], $10::float8[], $11::int[], $12::text[], $13::text[], $14::text[], $15::text[])
      AS wanted (id, key, actor, queue, payload, client, lead, lead_message, at, delay_s, allowed, correlation,
                 causation, source, traceparent)
  ) AS timed LEFT JOIN share USING (client)
  ORDER BY timed.key, timed.id
) AS d
ON CONFLICT DO NOTHING
RETURNING id, state = 'queued'
