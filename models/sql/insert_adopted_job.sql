-- The job of an adopted message, waiting for its release. No row: its id or its key is taken.
-- $1 id, $2 key, $3 actor, $4 queue, $5 payload, $6 client, $7 attempts allowed, $8 correlation, $9 causation, $10 dedupe in s
INSERT INTO background_job (id, dispatch_key, key_expires_at, actor, queue, payload, client_id, state, run_at,
                            attempts_allowed, correlation_id, causation_id, source, requested_at, requeues)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $10), $3, $4, $5, $6, 'pending', clock_timestamp(), $7, $8, $9,
        'adopted', clock_timestamp(), 1)
ON CONFLICT DO NOTHING
RETURNING id
