-- Lost attempts that counted as crashes and whose holder has reported again: it had not crashed.
-- $1 run ids, $2 claimed at. Answers their jobs, also those that an earlier call has uncounted: what died of the count may
-- still have to be revived.
WITH counted AS MATERIALIZED (
  SELECT run.id, run.claimed_at, run.job_id
  FROM unnest($1::bigint[], $2::timestamptz[]) AS back (id, claimed_at)
  JOIN background_function_run AS run USING (id, claimed_at)
  WHERE run.status = 'LOST' AND run.rule IN ('crashed', 'returned')),
locked AS MATERIALIZED (
  SELECT job.id FROM background_job AS job WHERE job.id IN (SELECT job_id FROM counted) ORDER BY job.id
  FOR NO KEY UPDATE),
cleared AS (
  UPDATE background_function_run AS run SET rule = 'returned'
  FROM counted JOIN locked ON locked.id = counted.job_id
  WHERE run.id = counted.id AND run.claimed_at = counted.claimed_at AND run.rule = 'crashed'
  RETURNING run.job_id),
lowered AS (
  UPDATE background_job AS job SET crashes = job.crashes - 1, suspect = false
  FROM cleared WHERE job.id = cleared.job_id AND job.crashes > 0)
SELECT DISTINCT job_id FROM counted
