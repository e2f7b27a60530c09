-- How long the oldest due and unclaimed job of each queue has been due, in s. Pending ones are met by leaping from
-- client to client over the relay's index; queued ones are as few as the ready lists hold.
WITH RECURSIVE waiting (queue, client, run_at) AS (
  (SELECT queue, coalesce(client_id, ''), run_at FROM background_job
   WHERE state = 'pending' ORDER BY queue, coalesce(client_id, ''), run_at LIMIT 1)
  UNION ALL
  SELECT next.* FROM waiting CROSS JOIN LATERAL (
    SELECT job.queue, coalesce(job.client_id, ''), job.run_at FROM background_job AS job
    WHERE job.state = 'pending' AND (job.queue, coalesce(job.client_id, '')) > (waiting.queue, waiting.client)
    ORDER BY job.queue, coalesce(job.client_id, ''), job.run_at LIMIT 1) AS next),
due AS (
  SELECT queue, run_at FROM waiting
  UNION ALL
  SELECT queue, run_at FROM background_job WHERE state = 'queued')
SELECT queue, extract(epoch FROM clock_timestamp() - min(run_at))::float8 FROM due
WHERE run_at <= clock_timestamp() GROUP BY queue
