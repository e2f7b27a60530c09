-- Releases whose copy is known to be absent: pending again, unless somebody moved them. $1 ids, $2 releases.
WITH absent AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::int[]) AS absent (id, release)),
locked AS MATERIALIZED (
  SELECT job.id FROM background_job AS job JOIN absent USING (id) ORDER BY job.id FOR UPDATE OF job SKIP LOCKED)
UPDATE background_job AS job SET state = 'pending'
FROM absent JOIN locked USING (id)
WHERE job.id = absent.id AND job.state = 'queued' AND job.release = absent.release
RETURNING job.id
