-- Enqueued windows whose jobs nobody has begun two windows later: Redis took them, no worker did.
-- $1 how many windows of patience, $2 how far back in s, $3 how many at most
SELECT dispatched.dispatch_key, dispatched.process_dispatch_id, dispatched.maintenance_dispatch_id FROM background_dispatch_window AS dispatched
WHERE dispatched.status = 'ENQUEUED'
  AND dispatched.window_start >= now() - make_interval(secs => $2)
  AND dispatched.updated_at <= now() - make_interval(secs => $1 * dispatched.window_seconds)
  AND EXISTS (
    SELECT FROM background_job AS job
    WHERE job.dispatch_key IN (dispatched.process_dispatch_id, dispatched.maintenance_dispatch_id) AND job.holds_key
      AND job.attempts = 0 AND job.state IN ('pending', 'queued'))
ORDER BY dispatched.window_start LIMIT $3
