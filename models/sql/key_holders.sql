-- Who holds these dispatch keys now, since when, and whether the dedupe period of a succeeded holder is over.
SELECT dispatch_key, id, state, extract(epoch FROM clock_timestamp() - created_at)::float8,
       state = 'succeeded' AND key_expires_at <= clock_timestamp()
FROM background_job WHERE dispatch_key = ANY ($1::text[]) AND holds_key
