-- Effects whose outcome nobody knows, and effects found within a day to have happened more than once; each over a
-- partial index.
SELECT (SELECT count(*) FROM side_effect WHERE state = 'UNKNOWN'),
  (SELECT count(*) FROM side_effect WHERE overtaken_at > clock_timestamp() - interval '1 day')
