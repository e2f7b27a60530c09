-- Dead jobs are closed for good. $1 jobs
UPDATE background_job AS job SET state = 'discarded'
WHERE job.id = ANY ($1::uuid[]) AND job.state = 'dead'
  AND NOT EXISTS (SELECT FROM side_effect AS effect WHERE effect.job_id = job.id AND effect.state = 'UNKNOWN')
RETURNING job.id
