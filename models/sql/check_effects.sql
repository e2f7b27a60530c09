-- Effects of the newest $1 attempts' jobs without their attempt, effects that a succeeded job left open, and effects that
-- happened twice within a day; at most $2 of each.
-- Older than a day an attempt may have been pruned; an effect outlives it.
(SELECT 'effect-has-attempt', effect.effect_key, 'the attempt ' || effect.run_key || ' under fence ' || effect.fence
        || ' is not there'
 FROM (SELECT DISTINCT job_id FROM (SELECT job_id FROM background_function_run ORDER BY id DESC LIMIT $1) AS newest)
   AS examined
 JOIN side_effect AS effect USING (job_id)
 WHERE effect.intended_at > clock_timestamp() - interval '1 day'
   AND NOT EXISTS (
     SELECT FROM background_function_run AS run
     WHERE run.run_key = effect.run_key AND run.job_id = effect.job_id AND run.fence = effect.fence)
 LIMIT $2)
UNION ALL
(SELECT 'effect-is-settled', effect.effect_key, 'INTENDED since ' || effect.intended_at || ', job ' || job.id
        || ' has succeeded'
 FROM side_effect AS effect JOIN background_job AS job ON job.id = effect.job_id
 WHERE effect.state = 'INTENDED' AND job.state = 'succeeded'
 LIMIT $2)
UNION ALL
(SELECT 'effect-happens-once', effect.effect_key, 'a call of an older intent went through at ' || effect.overtaken_at
        || ', job ' || effect.job_id
 FROM side_effect AS effect WHERE effect.overtaken_at > clock_timestamp() - interval '1 day'
 LIMIT $2)
