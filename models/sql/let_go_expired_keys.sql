-- Succeeded jobs whose dedupe period is over let go of the keys their callers named. $1 how many at most.
WITH expired AS MATERIALIZED (
  SELECT id FROM background_job
  WHERE holds_key AND state = 'succeeded' AND dispatch_key <> id::text AND key_expires_at <= now()
  ORDER BY key_expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
UPDATE background_job AS job SET holds_key = false FROM expired
WHERE job.id = expired.id
RETURNING job.id
