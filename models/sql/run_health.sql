-- Running attempts: how many, the oldest, and how many for longer than $1 s. Met through the running jobs: they are few.
SELECT count(*), count(*) FILTER (WHERE age_s > $1), (array_agg(id ORDER BY age_s DESC))[1],
       (array_agg(actor ORDER BY age_s DESC))[1], max(age_s)
FROM (
  SELECT job.id, job.actor, extract(epoch FROM clock_timestamp() - run.claimed_at)::float8 AS age_s
  FROM background_job AS job JOIN background_function_run AS run
    ON run.run_key = job.actor || ':' || job.id || ':' || job.attempts AND run.status = 'RUNNING'
  WHERE job.state = 'running') AS running
