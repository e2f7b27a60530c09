-- Append to the operators' log. $1 operator, $2 verb, $3 reason, $4 plan hash, then of each act: $5 targets, $6 results,
-- $7 before, $8 after (json texts)
INSERT INTO operator_action (operator, verb, target, reason, plan_hash, before, after, result)
SELECT $1, $2, act.target, $3, $4, act.before::jsonb, act.after::jsonb, act.result
FROM unnest($5::text[], $6::text[], $7::text[], $8::text[]) WITH ORDINALITY AS act (target, result, before, after, place)
ORDER BY act.place
