-- Queues that have a job due now. $1 queues that this process serves.
SELECT queue FROM unnest($1::text[]) AS served (queue)
WHERE EXISTS (SELECT FROM background_job AS job
              WHERE job.state = 'pending' AND job.queue = served.queue AND job.run_at <= now())
