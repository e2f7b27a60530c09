-- A worker says that it lives; no row means that it was declared lost (or stopped). $1 worker.
UPDATE worker SET heartbeat_at = clock_timestamp() WHERE id = $1 AND lost_at IS NULL AND stopped_at IS NULL
RETURNING id
