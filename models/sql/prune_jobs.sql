-- Finished jobs past retention go, with their attempts. Kept: a key whose period still runs, and what an open letter or
-- an unsettled effect speaks of. $1 days, $2 how many at most
WITH old AS MATERIALIZED (
  SELECT job.id, job.actor, job.attempts FROM background_job AS job
  WHERE job.finished_at < now() - make_interval(days => $1)
    AND (NOT job.holds_key OR job.key_expires_at <= now())
    AND NOT EXISTS (SELECT FROM dead_letter AS letter WHERE letter.job_id = job.id AND letter.resolution = 'OPEN')
    AND NOT EXISTS (SELECT FROM side_effect AS effect
                    WHERE effect.job_id = job.id AND effect.state IN ('INTENDED', 'UNKNOWN'))
  LIMIT $2 FOR UPDATE OF job SKIP LOCKED),
attempts AS (
  DELETE FROM background_function_run AS run
  USING old CROSS JOIN LATERAL generate_series(1, old.attempts) AS number
  WHERE run.run_key = old.actor || ':' || old.id || ':' || number)
DELETE FROM background_job AS job USING old WHERE job.id = old.id
RETURNING job.id
