-- What the ledger says of copies that were not claimed. $1 ids.
SELECT id, state, release, state = 'pending' AND run_at > clock_timestamp(), worker_id
FROM background_job WHERE id = ANY ($1::uuid[])
