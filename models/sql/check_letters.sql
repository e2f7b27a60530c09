-- Dead jobs without an open letter (of the newest $1 attempts' jobs), open letters (the newest $1) whose job is not dead.
(SELECT 'dead-has-letter', job.id::text, 'the job is dead and has no open letter'
 FROM (SELECT job_id, attempt FROM background_function_run ORDER BY id DESC LIMIT $1) AS newest
 JOIN background_job AS job ON job.id = newest.job_id AND job.attempts = newest.attempt
 WHERE job.state = 'dead'
   AND NOT EXISTS (SELECT FROM dead_letter AS letter WHERE letter.job_id = job.id AND letter.resolution = 'OPEN')
 LIMIT $2)
UNION ALL
(SELECT 'dead-has-letter', job.id::text, 'its letter ' || letter.id || ' is open, the job is ' || job.state
 FROM (SELECT id, job_id FROM dead_letter WHERE resolution = 'OPEN' AND job_id IS NOT NULL
       ORDER BY died_at DESC, id DESC LIMIT $1) AS letter
 JOIN background_job AS job ON job.id = letter.job_id
 WHERE job.state <> 'dead'
 LIMIT $2)
