-- Jobs of lost workers (and of stopped ones) go back to pending and their attempts close as LOST. $1 ids that counted a crash, $2 suspects,
-- $3 workers, $4 how many at most. A job at its crash limit ($5) dies as poison. One whose row a frozen session keeps
-- locked, in a guard perhaps, is left to a later pass.
WITH lost AS MATERIALIZED (
  SELECT job.id FROM background_job AS job JOIN worker ON worker.id = job.worker_id
  WHERE job.state = 'running' AND (worker.lost_at IS NOT NULL OR worker.stopped_at IS NOT NULL)
    AND job.worker_id = ANY ($3::uuid[])
  ORDER BY job.id LIMIT $4 FOR UPDATE OF job SKIP LOCKED),
moved AS (
  UPDATE background_job AS job
  SET crashes = job.crashes + (job.id = ANY ($1::uuid[]))::int,
      state = CASE WHEN job.crashes + (job.id = ANY ($1::uuid[]))::int >= $5 THEN 'dead' ELSE 'pending' END,
      holds_key = job.crashes + (job.id = ANY ($1::uuid[]))::int < $5,
      finished_at = CASE WHEN job.crashes + (job.id = ANY ($1::uuid[]))::int >= $5 THEN clock_timestamp() END,
      suspect = job.id = ANY ($1::uuid[]) OR job.id = ANY ($2::uuid[]),
      run_at = least(job.run_at, clock_timestamp()), release = job.release + 1, claim_id = NULL, worker_id = NULL,
      last_error = 'the worker that ran it was lost'
  FROM lost WHERE job.id = lost.id
  RETURNING job.*),
closed AS (
  UPDATE background_function_run AS run
  SET status = 'LOST', finished_at = clock_timestamp(), error_class = 'WorkerLost',
      error_message = 'the worker stopped beating while it held this attempt',
      rule = CASE WHEN moved.id = ANY ($1::uuid[]) THEN 'crashed' WHEN moved.suspect THEN 'suspect' ELSE 'lost' END
  FROM moved
  WHERE run.run_key = moved.actor || ':' || moved.id || ':' || moved.attempts AND run.status = 'RUNNING'
  RETURNING run.job_id, coalesce(run.started_at, run.claimed_at) AS began_at, run.finished_at),
letters AS (
  INSERT INTO dead_letter (id, job_id, queue, payload, actor, client_id, correlation_id, reason, error_class, error_message)
  SELECT gen_random_uuid(), id, queue, payload, actor, client_id, correlation_id, 'poison', 'WorkerLost',
         'its worker was lost ' || crashes || ' times while running it'
  FROM moved WHERE state = 'dead'
  ON CONFLICT DO NOTHING)
SELECT moved.id, moved.actor, moved.queue, moved.state, moved.client_id, moved.correlation_id, moved.attempts,
       moved.dispatch_key, moved.source, moved.requested_at, closed.began_at, closed.finished_at, moved.last_error
FROM moved LEFT JOIN closed ON closed.job_id = moved.id
