-- Succeeded jobs whose dedupe period is over let go of these keys.
WITH expired AS MATERIALIZED (
  SELECT id FROM background_job
  WHERE dispatch_key = ANY ($1::text[]) AND holds_key AND state = 'succeeded' AND key_expires_at <= clock_timestamp()
  ORDER BY id FOR UPDATE)
UPDATE background_job AS job SET holds_key = false FROM expired
WHERE job.id = expired.id
RETURNING job.dispatch_key
