-- Windows that deserve another try: failed, or left in the middle of dispatching. Each is taken by one tick at a time.
-- $1 key (null: any), $2 patience with a dispatching one in s, $3 how many at most
WITH taken AS MATERIALIZED (
  SELECT dispatch_key FROM background_dispatch_window
  WHERE (status = 'ENQUEUE_FAILED'
         OR status = 'DISPATCHING' AND updated_at < clock_timestamp() - make_interval(secs => $2))
    AND ($1::text IS NULL OR dispatch_key = $1)
  ORDER BY window_start DESC LIMIT $3 FOR UPDATE SKIP LOCKED)
UPDATE background_dispatch_window AS dispatched SET status = 'DISPATCHING', updated_at = clock_timestamp()
FROM taken WHERE dispatched.dispatch_key = taken.dispatch_key AND dispatched.status IN ('DISPATCHING', 'ENQUEUE_FAILED')
RETURNING dispatched.dispatch_key, dispatched.process_dispatch_id, dispatched.maintenance_dispatch_id
