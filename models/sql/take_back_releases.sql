-- Releases whose copy is known to be absent: pending again, unless somebody moved them. $1 ids, $2 releases.
WITH absent AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::int[]) AS absent (id, release)),
locked AS MATERIALIZED (
  SELECT job.id, job.release, job.state = 'queued' AS waits
  FROM background_job AS job WHERE job.id = ANY ($1::uuid[]) ORDER BY job.id FOR UPDATE SKIP LOCKED)
UPDATE background_job AS job SET state = 'pending'
FROM absent JOIN locked USING (id, release)
WHERE job.id = locked.id AND locked.waits
RETURNING job.id
