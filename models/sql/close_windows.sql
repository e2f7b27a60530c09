-- Give windows their outcome. $1 keys, $2 status, $3 error (null: keeps what stands), $4 statuses they may have now.
WITH locked AS MATERIALIZED (
  SELECT dispatch_key FROM background_dispatch_window
  WHERE dispatch_key = ANY ($1::text[]) ORDER BY dispatch_key FOR UPDATE)
UPDATE background_dispatch_window AS dispatched
SET status = $2, error_message = coalesce($3, dispatched.error_message), updated_at = clock_timestamp()
FROM locked WHERE dispatched.dispatch_key = locked.dispatch_key AND dispatched.status = ANY ($4::text[])
RETURNING dispatched.dispatch_key
