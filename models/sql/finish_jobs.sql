-- Close attempts and move their jobs; only a live fence moves. Dead ones get their letters in the same statement.
-- $1 worker, $2 ids, $3 fences, $4 run ids, $5 claimed at, $6 run statuses, $7 job states, $8 run at, $9 waits in s,
-- $10 spends an attempt, $11 spends a throttle, $12 started after s (from the claim), $13 durations in s,
-- $14 error classes, $15 error messages, $16 tracebacks, $17 fingerprints, $18 verdicts, $19 rules, $20 results (json),
-- $21 death reasons, $22 redis ids, $23 letter ids
WITH done AS MATERIALIZED (
  SELECT * FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::text[], $7::text[],
                       $8::timestamptz[], $9::float8[], $10::bool[], $11::bool[], $12::float8[], $13::float8[], $14::text[],
                       $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[],
                       $23::uuid[])
    AS done (id, fence, run_id, claimed_at, status, state, run_at, wait_s, spends_attempt, spends_throttle,
             started_after_s, duration_s, error_class, error_message, traceback, fingerprint, verdict, rule, result,
             death, redis_id, letter_id)),
locked AS MATERIALIZED (
  SELECT job.id FROM background_job AS job WHERE job.id = ANY ($2::uuid[]) ORDER BY job.id FOR UPDATE),
moved AS (
  UPDATE background_job AS job
  SET state = done.state,
      holds_key = done.state IN ('pending', 'succeeded'),
      run_at = CASE WHEN done.state = 'pending'
                    THEN greatest(coalesce(done.run_at, clock_timestamp() + make_interval(secs => coalesce(done.wait_s, 0))),
                                  clock_timestamp())
                    ELSE job.run_at END,
      claim_id = NULL, worker_id = NULL, suspect = false,
      attempts_spent = job.attempts_spent + done.spends_attempt::int,
      throttles = job.throttles + done.spends_throttle::int,
      last_error = coalesce(done.error_message, job.last_error),
      result = done.result::jsonb,
      finished_at = CASE WHEN done.state <> 'pending' THEN clock_timestamp() END
  FROM done JOIN locked USING (id)
  WHERE job.id = done.id AND job.state = 'running' AND job.fence = done.fence AND job.worker_id = $1
  RETURNING job.id, job.queue, job.payload, job.actor, job.client_id, job.correlation_id, job.run_at),
closed AS (
  UPDATE background_function_run AS run
  SET status = done.status, finished_at = clock_timestamp(),
      started_at = CASE WHEN done.started_after_s IS NOT NULL
                        THEN run.claimed_at + make_interval(secs => done.started_after_s) END,
      queue_ms = run.queue_ms + coalesce(done.started_after_s, 0) * 1000,
      duration_ms = done.duration_s * 1000, error_class = done.error_class, error_message = done.error_message,
      traceback = done.traceback, fingerprint = done.fingerprint, verdict = done.verdict, rule = done.rule
  FROM moved JOIN done USING (id)
  WHERE run.id = done.run_id AND run.claimed_at = done.claimed_at),
letters AS (
  INSERT INTO dead_letter (id, job_id, queue, redis_message_id, payload, actor, client_id, correlation_id, reason,
                           error_class, error_message, fingerprint)
  SELECT done.letter_id, moved.id, moved.queue, done.redis_id, moved.payload, moved.actor, moved.client_id,
         moved.correlation_id, done.death, done.error_class, done.error_message, done.fingerprint
  FROM moved JOIN done USING (id) WHERE done.state = 'dead'
  ON CONFLICT DO NOTHING)
SELECT id, run_at FROM moved
