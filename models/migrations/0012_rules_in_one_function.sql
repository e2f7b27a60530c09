-- The rules of a job's row and of an attempt's, each in one function. PostgreSQL reads every CHECK of a table from its
-- stored text for each statement anew: fifteen of them were a fifth of a dispatch. A compiled function is read once
-- a connection. What is impossible stays impossible; the row in the error's detail shows which rule it broke.

CREATE FUNCTION background_job_sound(
  state text, holds_key boolean, has_finished boolean, has_worker boolean, has_claim boolean, was_released boolean,
  attempts integer, attempts_spent integer, attempts_allowed integer, crashes integer, throttles integer,
  requeues integer, release integer, fence bigint, duplicates_suppressed integer, dispatch_key text
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN
    CASE state
      WHEN 'pending'   THEN holds_key AND NOT has_worker AND NOT has_claim AND NOT has_finished
      WHEN 'queued'    THEN holds_key AND NOT has_worker AND NOT has_claim AND NOT has_finished AND release > 0 AND was_released
      WHEN 'running'   THEN holds_key AND has_worker AND has_claim AND NOT has_finished
      WHEN 'succeeded' THEN NOT has_worker AND NOT has_claim AND has_finished
      ELSE state IN ('dead', 'cancelled', 'discarded')
           AND NOT holds_key AND NOT has_worker AND NOT has_claim AND has_finished
    END
    AND attempts >= 0 AND attempts_spent >= 0 AND coalesce(attempts_allowed, 1) >= 1
    AND crashes >= 0 AND throttles >= 0 AND requeues >= 0
    AND release >= 0 AND fence >= 0 AND duplicates_suppressed >= 0
    AND octet_length(dispatch_key) BETWEEN 1 AND 512;
END
$$;

ALTER TABLE background_job
  ADD CONSTRAINT background_job_sound CHECK (background_job_sound(
    state, holds_key, finished_at IS NOT NULL, worker_id IS NOT NULL, claim_id IS NOT NULL, released_at IS NOT NULL,
    attempts, attempts_spent, attempts_allowed, crashes, throttles,
    requeues, release, fence, duplicates_suppressed, dispatch_key)),
  DROP CONSTRAINT background_job_state_known,
  DROP CONSTRAINT background_job_running_has_holder,
  DROP CONSTRAINT background_job_finished_has_time,
  DROP CONSTRAINT background_job_queued_was_released,
  DROP CONSTRAINT background_job_live_holds_key,
  DROP CONSTRAINT background_job_given_up_lets_go,
  DROP CONSTRAINT background_job_dispatch_key_check,
  DROP CONSTRAINT background_job_release_check,
  DROP CONSTRAINT background_job_fence_check,
  DROP CONSTRAINT background_job_attempts_check,
  DROP CONSTRAINT background_job_attempts_spent_check,
  DROP CONSTRAINT background_job_attempts_allowed_check,
  DROP CONSTRAINT background_job_crashes_check,
  DROP CONSTRAINT background_job_throttles_check,
  DROP CONSTRAINT background_job_requeues_check,
  DROP CONSTRAINT background_job_duplicates_suppressed_check;

CREATE FUNCTION background_function_run_sound(
  status text, has_finished boolean, run_is_job boolean, attempt integer, duration_ms double precision
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN
    CASE status
      WHEN 'RUNNING' THEN NOT has_finished
      ELSE status IN ('SUCCEEDED', 'FAILED', 'RESCHEDULED', 'CANCELLED', 'LOST') AND has_finished
    END
    AND run_is_job AND attempt >= 1 AND coalesce(duration_ms, 0) >= 0;
END
$$;

ALTER TABLE background_function_run
  ADD CONSTRAINT background_function_run_sound CHECK (background_function_run_sound(
    status, finished_at IS NOT NULL, run_id = job_id, attempt, duration_ms)),
  DROP CONSTRAINT background_function_run_status_known,
  DROP CONSTRAINT background_function_run_closed_has_time,
  DROP CONSTRAINT background_function_run_run_is_job,
  DROP CONSTRAINT background_function_run_attempt_check,
  DROP CONSTRAINT background_function_run_duration_ms_check;
