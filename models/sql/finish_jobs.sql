-- Close attempts and move their jobs; only a live fence moves. Dead ones get their letters in the same statement. Answers
-- the places (from 1) of the finishes that moved: a number is read several times as fast as an id.
-- $1 worker, then of each finish: $2 ids, $3 fences, $4 run ids, $5 claimed at, $6 run statuses, $7 job states,
-- $8 started after s (from the claim), $9 durations in s. Of those with a result: $10 ids, $11 results (json). Of those
-- that were judged: $12 ids, $13 run at, $14 waits in s, $15 spends an attempt, $16 spends a throttle, $17 error classes,
-- $18 error messages, $19 tracebacks, $20 fingerprints, $21 verdicts, $22 rules, $23 death reasons, $24 redis ids
WITH judged AS MATERIALIZED (
  SELECT * FROM unnest($12::uuid[], $13::timestamptz[], $14::float8[], $15::bool[], $16::bool[], $17::text[], $18::text[],
                       $19::text[], $20::text[], $21::text[], $22::text[], $23::text[], $24::text[])
    AS judged (id, run_at, wait_s, spends_attempt, spends_throttle, error_class, error_message, traceback, fingerprint,
               verdict, rule, death, redis_id)),
done AS MATERIALIZED (
  SELECT * FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::text[], $7::text[], $8::float8[],
                       $9::float8[])
    WITH ORDINALITY AS done (id, fence, run_id, claimed_at, status, state, started_after_s, duration_s, place)
  LEFT JOIN unnest($10::uuid[], $11::text[]) AS given (id, result) USING (id)
  LEFT JOIN judged USING (id)),
-- What moves is decided on the locked rows, which nobody else can change any more. Said of the table that is updated, the
-- same conditions have the planner go by the index of running jobs and expect one: a loop of every finish over every other.
locked AS MATERIALIZED (
  SELECT job.id, job.fence, job.state = 'running' AND job.worker_id = $1 AS ours
  FROM background_job AS job WHERE job.id = ANY ($2::uuid[]) ORDER BY job.id FOR UPDATE),
moved AS (
  UPDATE background_job AS job
  SET state = done.state,
      holds_key = done.state IN ('pending', 'succeeded'),
      run_at = CASE WHEN done.state = 'pending'
                    THEN greatest(coalesce(done.run_at, clock_timestamp() + make_interval(secs => coalesce(done.wait_s, 0))),
                                  clock_timestamp())
                    ELSE job.run_at END,
      claim_id = NULL, worker_id = NULL, suspect = false,
      attempts_spent = job.attempts_spent + coalesce(done.spends_attempt, false)::int,
      throttles = job.throttles + coalesce(done.spends_throttle, false)::int,
      last_error = coalesce(done.error_message, job.last_error),
      result = done.result::jsonb,
      finished_at = CASE WHEN done.state <> 'pending' THEN clock_timestamp() END
  FROM done JOIN locked USING (id, fence)
  WHERE job.id = locked.id AND locked.ours
  RETURNING done.place, job.id, job.queue, job.payload, job.actor, job.client_id, job.correlation_id),
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
  SELECT gen_random_uuid(), moved.id, moved.queue, judged.redis_id, moved.payload, moved.actor, moved.client_id,
         moved.correlation_id, judged.death, judged.error_class, judged.error_message, judged.fingerprint
  FROM moved JOIN judged USING (id) WHERE judged.death IS NOT NULL
  ON CONFLICT DO NOTHING)
SELECT place FROM moved
