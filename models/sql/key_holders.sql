-- Who holds the dispatch keys $1 now, since when, and whether the dedupe period of a succeeded holder is over; and
-- those of the jobs $2 that are there although they hold no key (any more).
SELECT dispatch_key, id, state, extract(epoch FROM clock_timestamp() - created_at)::float8,
       state = 'succeeded' AND key_expires_at <= clock_timestamp()
FROM background_job WHERE dispatch_key = ANY ($1::text[]) AND holds_key
UNION ALL
SELECT NULL, id, state, 0, false FROM background_job WHERE id = ANY ($2::uuid[]) AND NOT holds_key
