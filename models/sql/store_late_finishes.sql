-- A stale holder reported an outcome: it moves nothing and is kept as a trace. $1 run ids, $2 claimed at, $3 statuses.
UPDATE background_function_run AS run SET late_status = late.status, late_at = clock_timestamp()
FROM unnest($1::bigint[], $2::timestamptz[], $3::text[]) AS late (id, claimed_at, status)
WHERE run.id = late.id AND run.claimed_at = late.claimed_at
RETURNING run.id
