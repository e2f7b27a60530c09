-- Open dead letters by reason, from the partial index alone, and how long the oldest has been dead, in s.
SELECT reason, count(*),
  (SELECT extract(epoch FROM clock_timestamp() - min(died_at))::float8 FROM dead_letter WHERE resolution = 'OPEN')
FROM dead_letter WHERE resolution = 'OPEN' GROUP BY reason
