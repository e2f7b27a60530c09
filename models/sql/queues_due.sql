-- Queues that have a job due now, met by leaping from client to client over the relay's index: of a backlog, or of many
-- jobs for later, one a client is read. $1 queues that this process serves.
SELECT queue FROM unnest($1::text[]) AS served (queue)
WHERE EXISTS (
  WITH RECURSIVE head (client, run_at) AS (
    (SELECT coalesce(client_id, ''), run_at FROM background_job
     WHERE state = 'pending' AND queue = served.queue ORDER BY coalesce(client_id, ''), run_at LIMIT 1)
    UNION ALL
    SELECT next.* FROM head CROSS JOIN LATERAL (
      SELECT coalesce(job.client_id, ''), job.run_at FROM background_job AS job
      WHERE job.state = 'pending' AND job.queue = served.queue AND coalesce(job.client_id, '') > head.client
      ORDER BY coalesce(job.client_id, ''), job.run_at LIMIT 1) AS next)
  SELECT FROM head WHERE run_at <= now())
