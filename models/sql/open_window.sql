-- Open a dispatch window unless it has a row; counts the whole windows that passed since the one before it.
-- $1 key, $2 source, $3 window start, $4 seconds, $5 correlation, $6 process dispatch id, $7 maintenance dispatch id,
-- $8 requested at
WITH before AS (
  SELECT window_start + make_interval(secs => window_seconds) AS ended FROM background_dispatch_window
  WHERE window_start < $3 ORDER BY window_start DESC, window_seconds DESC LIMIT 1)
INSERT INTO background_dispatch_window (
  dispatch_key, source, requested_at, window_start, window_seconds, correlation_id, status, process_dispatch_id,
  maintenance_dispatch_id, missed_before)
SELECT $1::text, $2::text, $8::timestamptz, $3::timestamptz, $4::int, $5::text, 'DISPATCHING', $6::text, $7::text,
       coalesce((SELECT greatest(0, floor(extract(epoch FROM $3::timestamptz - ended) / $4::int))::int FROM before), 0)
ON CONFLICT DO NOTHING
RETURNING missed_before
