-- Workers silent for the whole lease are lost. $1 lease in s.
WITH silent AS MATERIALIZED (
  SELECT id FROM worker
  WHERE lost_at IS NULL AND stopped_at IS NULL AND heartbeat_at < clock_timestamp() - make_interval(secs => $1)
  ORDER BY id FOR UPDATE SKIP LOCKED)
UPDATE worker SET lost_at = clock_timestamp() FROM silent
WHERE worker.id = silent.id AND worker.lost_at IS NULL AND worker.stopped_at IS NULL
  AND worker.heartbeat_at < clock_timestamp() - make_interval(secs => $1)
RETURNING worker.id, worker.host, worker.pid, extract(epoch FROM clock_timestamp() - worker.heartbeat_at)::float8
