-- Attempts that have begun to run, said while they run. $1 run ids, $2 claimed at, $3 started after s.
UPDATE background_function_run AS run SET started_at = run.claimed_at + make_interval(secs => begun.after_s)
FROM unnest($1::bigint[], $2::timestamptz[], $3::float8[]) AS begun (id, claimed_at, after_s)
WHERE run.id = begun.id AND run.claimed_at = begun.claimed_at AND run.started_at IS NULL AND run.status = 'RUNNING'
RETURNING run.id
