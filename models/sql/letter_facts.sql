-- What the invariants ask of letters. A key past its period is nobody's: whoever asks for it takes it. $1 letters
SELECT letter.id, letter.version, letter.resolution, letter.reason, letter.payload IS NOT NULL, letter.job_id, letter.queue,
       letter.redis_message_id, job.state, job.dispatch_key,
       (SELECT holder.id FROM background_job AS holder
        WHERE holder.dispatch_key = job.dispatch_key AND holder.holds_key AND holder.id <> job.id
          AND NOT (holder.state = 'succeeded' AND holder.key_expires_at <= clock_timestamp())),
       (SELECT count(*) FROM side_effect AS effect WHERE effect.job_id = letter.job_id AND effect.state = 'UNKNOWN')
FROM dead_letter AS letter LEFT JOIN background_job AS job ON job.id = letter.job_id
WHERE letter.id = ANY ($1::uuid[])
