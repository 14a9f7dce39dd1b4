-- Prints the summary of a run as one line of JSON. With the argument `paced`, each connection waits 5 to 15 ms before a
-- request, so that N connections make up to N * 100 requests a second; without it nothing here is called for a request.
function init (args)
  if args[1] == 'paced' then
    delay = function () return math.random(5, 15) end
  end
end

function done (summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'REPORT {"requests":%d,"durationUs":%d,"bytes":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d,"p50Us":%d,"p99Us":%d}\n',
    summary.requests, summary.duration, summary.bytes,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
