-- Ack or dead-letter fetched copies, many in one call; a copy that this broker no longer holds is left alone.
-- KEYS: namespace. ARGV: client time in ms, broker id, then queue, id, "1" (dead letter) or "0" of each copy.
-- A Redis whose memory is full takes nothing new, but must be let go of: only the sign of life may fail. Once a script
-- has taken something out it may add, too.
local namespace = KEYS[1]
redis.pcall("zadd", namespace .. ":__heartbeats__", ARGV[1], ARGV[2])
for i = 3, #ARGV, 3 do
  local name, id = ARGV[i], ARGV[i + 1]
  local bodies = namespace .. ":" .. name .. ".msgs"
  if redis.call("srem", namespace .. ":__acks__." .. ARGV[2] .. "." .. name, id) > 0 then
    if ARGV[i + 2] == "1" then
      local body = redis.call("hget", bodies, id)
      if body then
        local dead = namespace .. ":" .. string.gsub(name, "%.DQ$", "") .. ".XQ"
        redis.call("zadd", dead, ARGV[1], id)
        redis.call("hset", dead .. ".msgs", id, body)
      end
    end
    redis.call("hdel", bodies, id)
  end
end
return redis.status_reply("OK")
