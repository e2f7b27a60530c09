-- What became of the attempts begun in a period: $1 from, $2 before. A failed attempt is the job's end or is retried.
SELECT count(*) FILTER (WHERE run.status <> 'RUNNING'),
       count(*) FILTER (WHERE run.status = 'SUCCEEDED'),
       count(*) FILTER (WHERE run.status = 'FAILED' AND job.state IN ('dead', 'discarded') AND job.attempts = run.attempt),
       count(*) FILTER (WHERE run.status IN ('RESCHEDULED', 'LOST') OR run.status = 'FAILED'
                          AND (job.state IS NULL OR job.state NOT IN ('dead', 'discarded') OR job.attempts > run.attempt)),
       count(*) FILTER (WHERE run.status = 'CANCELLED')
FROM background_function_run AS run
LEFT JOIN background_job AS job ON run.status = 'FAILED' AND job.id = run.job_id
WHERE run.claimed_at >= $1 AND run.claimed_at < $2
