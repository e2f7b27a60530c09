-- Release the jobs that hold these dispatch keys, due ones and those already released: older copies become stale.
-- $1 keys
WITH locked AS MATERIALIZED (
  SELECT id FROM background_job
  WHERE dispatch_key = ANY ($1::text[]) AND holds_key AND state IN ('pending', 'queued') AND run_at <= clock_timestamp()
  ORDER BY id FOR UPDATE)
UPDATE background_job AS job SET state = 'queued', release = job.release + 1, released_at = clock_timestamp()
FROM locked WHERE job.id = locked.id
RETURNING job.id, job.release, job.queue, job.payload
