-- Attempts that have begun to run, said while they run. $1 run ids, $2 claimed at, $3 started after s.
-- One that is being finished or recovered at this moment is left to that statement.
WITH begun AS MATERIALIZED (
  SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::float8[]) AS begun (id, claimed_at, after_s)),
locked AS MATERIALIZED (
  SELECT run.id, run.claimed_at, begun.after_s FROM background_function_run AS run JOIN begun USING (id, claimed_at)
  WHERE run.started_at IS NULL AND run.status = 'RUNNING' ORDER BY run.id FOR NO KEY UPDATE OF run SKIP LOCKED)
UPDATE background_function_run AS run SET started_at = run.claimed_at + make_interval(secs => locked.after_s)
FROM locked
WHERE run.id = locked.id AND run.claimed_at = locked.claimed_at AND run.status = 'RUNNING'
RETURNING run.id
