-- How many pushes were recorded per event and day, newest day first. A repeat is not recorded and not counted.
-- An order that people recovered from a bill is counted too, as OrderRecovered: no push brought it.
-- role: finance, support
-- parameter: app text | The app's slug
-- parameter: from_day day | First Beijing day
-- parameter: to_day day | Last Beijing day
-- parameter: event_type text | One of the column `event_type`
-- parameter: limit integer = 1000 max 1000 | Rows at most
-- column: app text | The app's slug
-- column: env text | production or sandbox; empty for gifts and for quarantine
-- column: day day | Beijing day
-- column: event_type text | The log's event: GoodsDelivered, RefundSucceeded, PushQuarantined …
-- column: kind text | Of conflicts and mocks what they are; of quarantine the reason
-- column: pushes count | How many
-- column: first_at moment | First of the day
-- column: last_at moment | Last of the day
SELECT app, nullif(env, '') AS env, day, event_type, nullif(kind, '') AS kind, pushes, first_at, last_at
FROM pushes
WHERE (:app IS NULL OR app = :app) AND (:event_type IS NULL OR event_type = :event_type)
  AND (:from_day IS NULL OR day >= :from_day) AND (:to_day IS NULL OR day <= :to_day)
ORDER BY day DESC, app, event_type, kind, env
LIMIT :limit
