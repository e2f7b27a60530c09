-- The window of a job that runs in a tick is inline. $1 the job's dispatch key, $2 error (null: keeps what stands),
-- $3 windows that were enqueued, but that no worker has begun
UPDATE background_dispatch_window AS dispatched
SET status = 'INLINE_EMERGENCY', error_message = coalesce($2, dispatched.error_message), updated_at = clock_timestamp()
WHERE $1 IN (dispatched.process_dispatch_id, dispatched.maintenance_dispatch_id)
  AND (dispatched.status IN ('DISPATCHING', 'ENQUEUE_FAILED')
       OR dispatched.status = 'ENQUEUED' AND dispatched.dispatch_key = ANY ($3::text[]))
RETURNING dispatched.dispatch_key
