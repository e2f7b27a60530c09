-- Indexes for those who look after dead letters: by their entry in Redis, by kind of error, by plan.

CREATE INDEX dead_letter_entry ON dead_letter (redis_message_id) WHERE redis_message_id IS NOT NULL;
CREATE INDEX operator_action_plan ON operator_action (plan_hash) WHERE plan_hash IS NOT NULL;
