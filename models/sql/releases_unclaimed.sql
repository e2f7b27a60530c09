-- Releases older than $1 s that nobody claimed, in pages of $3 behind the release time $2.
SELECT id, release, queue, released_at, released_at < now() - make_interval(secs => $4)
FROM background_job
WHERE state = 'queued' AND released_at < now() - make_interval(secs => $1) AND released_at > $2
ORDER BY released_at LIMIT $3
