-- Make copies ready, each once: an id whose body is there already is left alone. Answers 1 (taken) or 0 (list full).
-- KEYS: namespace. ARGV: client time in ms, broker id, default bound (0: no bound), then queue, id, body of each copy.
local namespace = KEYS[1]
redis.call("zadd", namespace .. ":__heartbeats__", ARGV[1], ARGV[2])
local bounded = tonumber(ARGV[3])
local answers = {}
for i = 4, #ARGV, 3 do
  local queue = namespace .. ":" .. ARGV[i]
  local taken = 1
  if redis.call("hexists", queue .. ".msgs", ARGV[i + 1]) == 0 then
    local bound = bounded
    if bounded > 0 then
      bound = tonumber(redis.call("get", queue .. ".bound") or bounded)
    end
    if bound > 0 and redis.call("llen", queue) >= bound then
      taken = 0
    else
      redis.call("hset", queue .. ".msgs", ARGV[i + 1], ARGV[i + 2])
      redis.call("rpush", queue, ARGV[i + 1])
      if redis.call("llen", queue .. ".wake") == 0 then
        redis.call("rpush", queue .. ".wake", "1")
        redis.call("expire", queue .. ".wake", 60)
      end
    end
  end
  answers[#answers + 1] = taken
end
return answers
