-- Running jobs without their open attempt, with an older one open, or whose holder is gone; at most $1.
-- $2: s after which a declared loss should have been recovered, $3: s of silence after which it should have been declared.
SELECT CASE WHEN wrong = 'an older attempt is still open' THEN 'one-live-claim'
            WHEN wrong = 'its attempt is not open' THEN 'running-is-open'
            ELSE 'holder-lives' END,
       id::text, wrong
FROM (
  SELECT job.id,
         CASE
           WHEN NOT EXISTS (
             SELECT FROM background_function_run AS run
             WHERE run.run_key = job.actor || ':' || job.id || ':' || job.attempts
               AND run.status = 'RUNNING' AND run.fence = job.fence AND run.worker_id = job.worker_id)
             THEN 'its attempt is not open'
           WHEN EXISTS (
             SELECT FROM background_function_run AS run
             WHERE run.run_key = job.actor || ':' || job.id || ':' || (job.attempts - 1) AND run.status = 'RUNNING')
             THEN 'an older attempt is still open'
           WHEN worker.id IS NULL THEN 'its worker has no row'
           WHEN worker.stopped_at IS NOT NULL THEN 'its worker stopped ' || worker.stopped_at
           WHEN worker.lost_at < clock_timestamp() - make_interval(secs => $2)
             THEN 'its worker was declared lost ' || worker.lost_at
           WHEN worker.lost_at IS NULL AND worker.heartbeat_at < clock_timestamp() - make_interval(secs => $3)
                AND EXISTS (SELECT FROM worker AS other
                            WHERE other.lost_at IS NULL AND other.stopped_at IS NULL
                              AND other.started_at < clock_timestamp() - make_interval(secs => $3)
                              AND other.heartbeat_at > clock_timestamp() - make_interval(secs => $2))
             THEN 'its worker has been silent since ' || worker.heartbeat_at
         END AS wrong
  FROM background_job AS job LEFT JOIN worker ON worker.id = job.worker_id
  WHERE job.state = 'running') AS looked_at
WHERE wrong IS NOT NULL LIMIT $1
