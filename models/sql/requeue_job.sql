-- A dead job runs again: budgets zeroed, key taken back if nobody else holds it. $1 job, $2 dedupe period in s.
UPDATE background_job AS job
SET state = 'pending', holds_key = true, key_expires_at = clock_timestamp() + make_interval(secs => $2),
    run_at = clock_timestamp(), finished_at = NULL, requeues = job.requeues + 1, attempts_spent = 0, crashes = 0,
    throttles = 0, suspect = false
WHERE job.id = $1 AND job.state = 'dead'
  AND NOT EXISTS (SELECT FROM background_job AS holder WHERE holder.dispatch_key = job.dispatch_key
                  AND holder.holds_key AND holder.id <> job.id)
RETURNING job.id
