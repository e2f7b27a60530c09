-- Workers whose last beat is still the one that was seen are lost. $1 workers, $2 their beats as seen.
WITH seen AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) AS seen (id, heartbeat_at)),
silent AS MATERIALIZED (
  SELECT worker.id FROM worker JOIN seen USING (id, heartbeat_at)
  WHERE worker.lost_at IS NULL AND worker.stopped_at IS NULL
  ORDER BY worker.id FOR UPDATE OF worker SKIP LOCKED)
UPDATE worker SET lost_at = clock_timestamp() FROM silent JOIN seen USING (id)
WHERE worker.id = silent.id AND worker.lost_at IS NULL AND worker.stopped_at IS NULL
  AND worker.heartbeat_at = seen.heartbeat_at
RETURNING worker.id, worker.host, worker.pid, extract(epoch FROM clock_timestamp() - worker.heartbeat_at)::float8
