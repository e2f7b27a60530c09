-- Take ready ids into the broker's acks, as Dramatiq does, and answer ids beside bodies (so that bad bytes have a name).
-- What is left behind once the bodies reach their bytes keeps its place in the queue.
-- KEYS: namespace. ARGV: client time in ms, broker id, queue, how many, bytes of bodies (0: any number).
local namespace = KEYS[1]
redis.call("zadd", namespace .. ":__heartbeats__", ARGV[1], ARGV[2])
local queue = namespace .. ":" .. ARGV[3]
local acks = namespace .. ":__acks__." .. ARGV[2] .. "." .. ARGV[3]
local budget, bytes = tonumber(ARGV[5]), 0
local answer = {}
for _ = 1, tonumber(ARGV[4]) do
  if budget > 0 and bytes >= budget then break end
  local id = redis.call("lpop", queue)
  if not id then break end
  redis.call("sadd", acks, id)
  local body = redis.call("hget", queue .. ".msgs", id) or ""
  bytes = bytes + #body
  answer[#answer + 1] = id
  answer[#answer + 1] = body
end
return answer
