-- Open letters are resolved, each as it was looked at. $1 letters, $2 their versions, $3 resolution, $4 by, $5 reason
UPDATE dead_letter AS letter
SET resolution = $3, resolved_by = $4, resolved_reason = $5, version = letter.version + 1, resolved_at = clock_timestamp()
FROM unnest($1::uuid[], $2::int[]) AS given (id, version)
WHERE letter.id = given.id AND letter.resolution = 'OPEN' AND letter.version = given.version
RETURNING letter.id
