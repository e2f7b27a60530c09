-- Indexes for people who look: each costs a write next to nothing, and saves the reading a scan.

-- The newest jobs and attempts. A summary of page ranges (BRIN) was tried: rows that are updated and vacuumed do not stay
-- in the order of their times, and what is not summarized yet is scanned. These cost 1.5 µs a row version.
CREATE INDEX background_job_created ON background_job (created_at);
-- With the id: a batch claims many at one moment, and a probe for one of them must not read them all.
CREATE INDEX background_function_run_claimed ON background_function_run (claimed_at, id);
-- Who once held a key: an entry is written only when a job lets go of a key that its caller named.
CREATE INDEX background_job_former_key ON background_job (dispatch_key)
  WHERE NOT holds_key AND dispatch_key <> id::text;
CREATE INDEX background_job_lead_message ON background_job (lead_message_id) WHERE lead_message_id IS NOT NULL;
-- Dead letters of every resolution by age; the open ones have an index of their own.
CREATE INDEX dead_letter_died ON dead_letter (died_at, id);
