-- Claims that this claim id already took (its reply was lost): the same answer once more. $1 claim, $2 worker, $3 ids.
SELECT job.id, job.fence, job.attempts, run.id, run.claimed_at, run.queue_ms, job.payload, job.attempts_spent,
       job.attempts_allowed, job.throttles, job.suspect, job.client_id, job.dispatch_key, job.correlation_id,
       job.source, job.requested_at
FROM background_job AS job
JOIN background_function_run AS run
  ON run.run_key = job.actor || ':' || job.id || ':' || job.attempts AND run.status = 'RUNNING'
WHERE job.id = ANY ($3::uuid[]) AND job.state = 'running' AND job.claim_id = $1 AND job.worker_id = $2
