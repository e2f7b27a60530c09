-- Count refused duplicates on the jobs that hold the keys. $1 job ids, $2 how many each.
WITH refused AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::int[]) AS refused (id, times)),
locked AS MATERIALIZED (
  SELECT job.id FROM background_job AS job WHERE job.id = ANY ($1::uuid[]) ORDER BY job.id FOR NO KEY UPDATE)
UPDATE background_job AS job SET duplicates_suppressed = job.duplicates_suppressed + refused.times
FROM refused JOIN locked USING (id) WHERE job.id = refused.id
RETURNING job.id
