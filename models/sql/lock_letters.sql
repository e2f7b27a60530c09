-- Lock letters. Their jobs are locked before, as by every other statement. $1 letters
SELECT id FROM dead_letter WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE
