-- Windows that began within the last $1 s by their present status, and (last row, status null) those older than
-- two windows of $2 s and younger than a day that are still DISPATCHING.
SELECT status, count(*) FROM background_dispatch_window
WHERE window_start > clock_timestamp() - make_interval(secs => $1::float8) GROUP BY status
UNION ALL
SELECT NULL, count(*) FROM background_dispatch_window
WHERE status = 'DISPATCHING'
  AND window_start BETWEEN clock_timestamp() - interval '1 day' AND clock_timestamp() - make_interval(secs => 2 * $2::float8)
