-- Take a place whose holder's claim is over, for a job whose own claim is live. To be called under lock_slots.
-- $1 function, $2 how many places, $3 job, $4 fence
WITH free AS (
  SELECT place.slot FROM function_slot AS place
  WHERE place.function = $1 AND place.slot <= $2
    AND NOT EXISTS (SELECT FROM background_job AS job
                    WHERE job.id = place.job_id AND job.fence = place.fence AND job.state = 'running'
                      AND NOT (job.id = $3 AND job.fence = $4))
  ORDER BY place.slot LIMIT 1)
UPDATE function_slot AS place SET job_id = $3, fence = $4, taken_at = clock_timestamp()
FROM free
WHERE place.function = $1 AND place.slot = free.slot
  AND EXISTS (SELECT FROM background_job AS job WHERE job.id = $3 AND job.fence = $4 AND job.state = 'running')
RETURNING place.slot
