-- Lock the jobs of letters, in the order of all statements over many jobs. $1 letters
SELECT job.id FROM background_job AS job
WHERE job.id IN (SELECT letter.job_id FROM dead_letter AS letter WHERE letter.id = ANY ($1::uuid[]))
ORDER BY job.id FOR UPDATE OF job
