-- Windows whose tick failed or was cut off, and whose two jobs have been released by others since: they are enqueued.
-- $1 patience with a dispatching one in s, $2 how many at most
WITH owed AS MATERIALIZED (
  SELECT dispatched.dispatch_key FROM background_dispatch_window AS dispatched
  WHERE (dispatched.status = 'ENQUEUE_FAILED'
         OR dispatched.status = 'DISPATCHING' AND dispatched.updated_at < clock_timestamp() - make_interval(secs => $1))
    AND NOT EXISTS (
      SELECT FROM background_job AS job
      WHERE job.dispatch_key IN (dispatched.process_dispatch_id, dispatched.maintenance_dispatch_id) AND job.holds_key
        AND job.attempts = 0 AND (job.state = 'pending' OR job.state = 'queued' AND dispatched.status = 'DISPATCHING'))
  ORDER BY dispatched.dispatch_key LIMIT $2 FOR UPDATE OF dispatched SKIP LOCKED)
UPDATE background_dispatch_window AS dispatched SET status = 'ENQUEUED', updated_at = clock_timestamp()
FROM owed WHERE dispatched.dispatch_key = owed.dispatch_key AND dispatched.status IN ('DISPATCHING', 'ENQUEUE_FAILED')
RETURNING dispatched.dispatch_key
