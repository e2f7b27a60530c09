-- The jobs of entries that no letter names, and whether their open letters name others. $1 jobs
SELECT job.id, job.state, letter.id, letter.redis_message_id
FROM background_job AS job
LEFT JOIN dead_letter AS letter ON letter.job_id = job.id AND letter.resolution = 'OPEN'
WHERE job.id = ANY ($1::uuid[])
