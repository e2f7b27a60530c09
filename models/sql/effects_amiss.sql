-- Effects whose outcome nobody knows, and effects known to have happened more than once; each over a partial index.
SELECT (SELECT count(*) FROM side_effect WHERE state = 'UNKNOWN'),
  (SELECT count(*) FROM side_effect WHERE overtaken > 0)
