-- Jobs due for longer than $1 s that nothing explains, the oldest of each queue and client; at most $2. What explains one:
-- its queue holds released jobs (its turn will come), its client has $3 released or running jobs, no worker that has been
-- up so long serves the queue.
WITH RECURSIVE head (queue, client, run_at, id) AS (
  (SELECT queue, coalesce(client_id, ''), run_at, id FROM background_job
   WHERE state = 'pending' ORDER BY queue, coalesce(client_id, ''), run_at LIMIT 1)
  UNION ALL
  SELECT next.* FROM head CROSS JOIN LATERAL (
    SELECT job.queue, coalesce(job.client_id, ''), job.run_at, job.id FROM background_job AS job
    WHERE job.state = 'pending' AND (job.queue, coalesce(job.client_id, '')) > (head.queue, head.client)
    ORDER BY job.queue, coalesce(job.client_id, ''), job.run_at LIMIT 1) AS next)
SELECT 'due-is-released', head.id::text,
       'due in queue ' || head.queue || ' since ' || head.run_at || ', nothing released there'
FROM head
WHERE head.run_at < clock_timestamp() - make_interval(secs => $1)
  AND NOT EXISTS (SELECT FROM background_job AS job WHERE job.state = 'queued' AND job.queue = head.queue)
  AND EXISTS (
    SELECT FROM worker
    WHERE lost_at IS NULL AND stopped_at IS NULL AND head.queue = ANY (queues)
      AND started_at < clock_timestamp() - make_interval(secs => $1)
      AND heartbeat_at > clock_timestamp() - make_interval(secs => $1))
  AND (head.client = '' OR (
    SELECT count(*) FROM (
      SELECT FROM background_job AS job
      WHERE job.state IN ('queued', 'running') AND job.client_id = head.client LIMIT $3) AS in_flight) < $3)
LIMIT $2
