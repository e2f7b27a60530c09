-- The places of one function, made if absent and locked, so that takers come one after the other. $1 function, $2 how many
WITH made AS (
  INSERT INTO function_slot (function, slot) SELECT $1::text, generate_series(1, $2::int)
  ON CONFLICT DO NOTHING RETURNING slot)
SELECT slot FROM function_slot WHERE function = $1 AND slot <= $2 ORDER BY slot FOR UPDATE
