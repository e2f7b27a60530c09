-- Dead jobs run again: budgets zeroed, keys taken back where nobody else holds them, the envelope's age beginning now.
-- $1 jobs, $2 payloads, $3 dedupe period in s
UPDATE background_job AS job
SET state = 'pending', holds_key = true, key_expires_at = clock_timestamp() + make_interval(secs => $3),
    payload = given.payload, run_at = clock_timestamp(), finished_at = NULL, requeues = job.requeues + 1,
    attempts_spent = 0, crashes = 0, throttles = 0, suspect = false
FROM unnest($1::uuid[], $2::bytea[]) AS given (id, payload)
WHERE job.id = given.id AND job.state = 'dead'
  AND EXISTS (SELECT FROM dead_letter AS letter WHERE letter.job_id = job.id AND letter.resolution = 'OPEN')
  AND NOT EXISTS (SELECT FROM side_effect AS effect WHERE effect.job_id = job.id AND effect.state = 'UNKNOWN')
  AND NOT EXISTS (SELECT FROM background_job AS holder WHERE holder.dispatch_key = job.dispatch_key
                  AND holder.holds_key AND holder.id <> job.id)
RETURNING job.id
