-- What is due and unclaimed: how many (counted up to $1), and the oldest one. Pending ones are met by leaping from client
-- to client over the relay's index; queued ones are as few as the ready lists hold.
WITH RECURSIVE head (queue, client, run_at, id, actor) AS (
  (SELECT queue, coalesce(client_id, ''), run_at, id, actor FROM background_job
   WHERE state = 'pending' ORDER BY queue, coalesce(client_id, ''), run_at LIMIT 1)
  UNION ALL
  SELECT next.* FROM head CROSS JOIN LATERAL (
    SELECT job.queue, coalesce(job.client_id, ''), job.run_at, job.id, job.actor FROM background_job AS job
    WHERE job.state = 'pending' AND (job.queue, coalesce(job.client_id, '')) > (head.queue, head.client)
    ORDER BY job.queue, coalesce(job.client_id, ''), job.run_at LIMIT 1) AS next),
pending AS (
  SELECT count(*) AS jobs FROM (
    SELECT FROM head CROSS JOIN LATERAL (
      SELECT FROM background_job AS job
      WHERE job.state = 'pending' AND job.queue = head.queue AND coalesce(job.client_id, '') = head.client
        AND job.run_at <= now()
      LIMIT $1) AS due
    LIMIT $1) AS counted),
queued AS (
  SELECT count(*) AS jobs FROM background_job WHERE state = 'queued'),
oldest AS (
  (SELECT id, actor, run_at FROM head WHERE run_at <= now() ORDER BY run_at LIMIT 1)
  UNION ALL
  (SELECT id, actor, run_at FROM background_job WHERE state = 'queued' ORDER BY run_at LIMIT 1))
SELECT (SELECT jobs FROM pending), (SELECT jobs FROM queued), first.id, first.actor,
       extract(epoch FROM clock_timestamp() - first.run_at)::float8
FROM (VALUES (1)) AS one LEFT JOIN (SELECT * FROM oldest ORDER BY run_at LIMIT 1) AS first ON true
