-- Choose due jobs of one queue in turn between clients and release them. $1 queue, $2 room, $3 jobs that one client may
-- have released or running (null: any number; counted over all queues and no further than that), $4 bytes of payloads
-- (null: any number): the job that reaches them is the last.
WITH RECURSIVE client (name) AS (
  (SELECT coalesce(client_id, '') FROM background_job
   WHERE state = 'pending' AND queue = $1 ORDER BY coalesce(client_id, '') LIMIT 1)
  UNION ALL
  SELECT (SELECT coalesce(job.client_id, '') FROM background_job AS job
          WHERE job.state = 'pending' AND job.queue = $1 AND coalesce(job.client_id, '') > client.name
          ORDER BY coalesce(job.client_id, '') LIMIT 1)
  FROM client WHERE client.name IS NOT NULL),
due AS (
  SELECT waiting.id, waiting.size_bytes, row_number() OVER (PARTITION BY client.name ORDER BY waiting.run_at) AS turn
  FROM client CROSS JOIN LATERAL (
    SELECT CASE WHEN client.name = '' OR $3::int IS NULL THEN $2::int
                ELSE least($2::int, $3::int - (
                  SELECT count(*) FROM (
                    SELECT FROM background_job AS held
                    WHERE held.client_id = client.name AND held.state IN ('queued', 'running') LIMIT $3::int) AS in_flight))
           END AS jobs) AS share
  CROSS JOIN LATERAL (
    SELECT job.id, job.run_at, octet_length(job.payload) AS size_bytes FROM background_job AS job
    WHERE job.state = 'pending' AND job.queue = $1 AND coalesce(job.client_id, '') = client.name AND job.run_at <= now()
    ORDER BY job.run_at LIMIT greatest(share.jobs, 0)) AS waiting
  WHERE client.name IS NOT NULL),
-- Where there are more clients than room, chance decides: the one who waits longest would be first again and again.
drawn AS MATERIALIZED (SELECT id, size_bytes, turn, random() AS lot FROM due ORDER BY turn, lot LIMIT $2),
chosen AS MATERIALIZED (
  SELECT id FROM (
    SELECT id, sum(size_bytes) OVER (ORDER BY turn, lot ROWS UNBOUNDED PRECEDING) - size_bytes AS bytes_before FROM drawn) AS summed
  WHERE $4::bigint IS NULL OR bytes_before < $4::bigint),
locked AS MATERIALIZED (
  SELECT job.id, job.state = 'pending' AND job.run_at <= now() AS waits
  FROM background_job AS job WHERE job.id = ANY (ARRAY (SELECT id FROM chosen)) ORDER BY job.id FOR UPDATE SKIP LOCKED)
UPDATE background_job AS job
SET state = 'queued', release = job.release + 1, released_at = clock_timestamp()
FROM locked WHERE job.id = locked.id AND locked.waits
RETURNING job.id, job.release, job.queue, job.payload
