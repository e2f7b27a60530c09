-- How the attempts stand whose finish moved nothing. $1 run ids, $2 claimed at (earliest).
SELECT id, status, rule FROM background_function_run WHERE id = ANY ($1::bigint[]) AND claimed_at >= $2
