-- Claims whose actor never started go back: older copies stale, nothing spent. $1 worker, $2 ids, $3 fences, $4 s until they
-- are due again (0: now, in their old place).
WITH given AS MATERIALIZED (SELECT * FROM unnest($2::uuid[], $3::bigint[]) AS given (id, fence)),
locked AS MATERIALIZED (
  SELECT job.id, job.fence, job.state = 'running' AND job.worker_id = $1 AS ours
  FROM background_job AS job WHERE job.id = ANY ($2::uuid[]) ORDER BY job.id FOR UPDATE),
moved AS (
  UPDATE background_job AS job
  SET state = 'pending', release = job.release + 1, claim_id = NULL, worker_id = NULL,
      run_at = CASE WHEN $4::float8 > 0 THEN clock_timestamp() + make_interval(secs => $4)
                    ELSE least(job.run_at, clock_timestamp()) END
  FROM given JOIN locked USING (id, fence)
  WHERE job.id = locked.id AND locked.ours
  RETURNING job.id, job.actor, job.queue, job.attempts),
closed AS (
  UPDATE background_function_run AS run
  SET status = 'CANCELLED', finished_at = clock_timestamp(), verdict = 'cancel', rule = 'given-back'
  FROM moved
  WHERE run.run_key = moved.actor || ':' || moved.id || ':' || moved.attempts AND run.status = 'RUNNING')
SELECT id, actor, queue FROM moved
