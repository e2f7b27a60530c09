-- Take ready ids into the broker's acks, as Dramatiq does, and answer ids beside bodies (so that bad bytes have a name).
-- KEYS: namespace. ARGV: client time in ms, broker id, queue, how many.
local namespace = KEYS[1]
redis.call("zadd", namespace .. ":__heartbeats__", ARGV[1], ARGV[2])
local queue = namespace .. ":" .. ARGV[3]
local acks = namespace .. ":__acks__." .. ARGV[2] .. "." .. ARGV[3]
local answer = {}
for _ = 1, tonumber(ARGV[4]) do
  local id = redis.call("lpop", queue)
  if not id then break end
  redis.call("sadd", acks, id)
  answer[#answer + 1] = id
  answer[#answer + 1] = redis.call("hget", queue .. ".msgs", id) or ""
end
return answer
