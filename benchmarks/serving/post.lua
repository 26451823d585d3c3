-- For wrk: POST the lines of a file, one after the other, each thread from a place of its own.
-- wrk -s post.lua URL -- FILE THREADS
local number = 0

function setup(thread)
  thread:set("number", number)
  number = number + 1
end

function init(args)
  requests, next_one = {}, 0
  local headers = { ["Content-Type"] = "application/json" }
  for line in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, line)
  end
  next_one = math.floor(#requests * number / tonumber(args[2]))
end

function request()
  next_one = next_one % #requests + 1
  return requests[next_one]
end

function done(summary, latency)
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "max": %f, "statuses": %d, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6,
    latency:percentile(99) / 1e6, latency.max / 1e6, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
