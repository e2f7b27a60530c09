-- Unique indexes that a promise rests on, by name ($1), and that are missing or invalid.
SELECT 'keys-stand', named.name, CASE WHEN index.indexrelid IS NULL THEN 'the index is missing' ELSE 'the index is not valid' END
FROM unnest($1::text[]) AS named (name)
LEFT JOIN pg_index AS index ON index.indexrelid = to_regclass(named.name)
WHERE index.indexrelid IS NULL OR NOT (index.indisunique AND index.indisvalid)
