-- Attempts that contradict their jobs, of the newest $1 attempts (null: all), at most $2: invariant, job, detail.
WITH newest AS MATERIALIZED (
  SELECT job_id, run_key, attempt, fence, status, worker_id FROM background_function_run ORDER BY id DESC LIMIT $1),
judged AS (
  SELECT newest.*, job.state, job.fence AS job_fence, job.attempts,
         CASE
           WHEN newest.status = 'RUNNING' AND job.state = 'running' AND job.attempts <> newest.attempt
             THEN 'one-live-claim'
           WHEN newest.status = 'RUNNING'
                AND (job.state IS DISTINCT FROM 'running' OR job.fence <> newest.fence OR job.worker_id <> newest.worker_id)
             THEN 'running-is-open'
           WHEN newest.status = 'SUCCEEDED' AND job.attempts > newest.attempt THEN 'done-once'
           WHEN job.attempts = newest.attempt
                AND (job.state = 'succeeded' AND newest.status <> 'SUCCEEDED'
                     OR job.state = 'dead' AND newest.status NOT IN ('FAILED', 'LOST')
                     OR newest.status = 'SUCCEEDED' AND job.state <> 'succeeded'
                     OR newest.status <> 'RUNNING' AND job.state = 'running')
             THEN 'finished-is-closed'
         END AS invariant
  FROM newest LEFT JOIN background_job AS job ON job.id = newest.job_id)
SELECT invariant, job_id::text,
       'attempt ' || attempt || ' is ' || status || ' under fence ' || fence || ', the job is ' || coalesce(state, 'gone')
       || coalesce(' at attempt ' || attempts || ' under fence ' || job_fence, '')
FROM judged WHERE invariant IS NOT NULL LIMIT $2
