-- Which letters name these entries of a dead queue, and how they stand. $1 queue, $2 redis ids
SELECT letter.redis_message_id, letter.resolution FROM dead_letter AS letter
WHERE letter.redis_message_id = ANY ($2::text[]) AND letter.queue = $1
