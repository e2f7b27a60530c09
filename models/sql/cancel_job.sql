-- A job that nobody has claimed is no longer wanted; its key is free at once. $1 job.
WITH former AS MATERIALIZED (SELECT id, state FROM background_job WHERE id = $1 FOR UPDATE),
moved AS (
  UPDATE background_job AS job SET state = 'cancelled', holds_key = false, finished_at = clock_timestamp()
  FROM former WHERE job.id = former.id AND job.state IN ('pending', 'queued')
  RETURNING job.id, job.actor, job.client_id)
SELECT former.state, moved.id IS NOT NULL, moved.actor, moved.client_id FROM former LEFT JOIN moved USING (id)
