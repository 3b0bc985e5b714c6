-- How many delivered goods of production the game has neither granted nor refused, per app and Beijing day of the
-- first push, the oldest day first, with the age of the oldest.
-- role: finance, support, game
-- uses: orders
-- parameter: app text | The app's slug
-- parameter: limit integer = 400 max 1000 | Rows at most
-- column: app text | The app's slug
-- column: day day | Beijing day of the first push
-- column: orders count | Orders that wait
-- column: amount_fen fen | What they are worth
-- column: oldest_at moment | First push of the oldest
-- column: oldest_age_s seconds | Its age
SELECT app, day, count(*) AS orders, sum(amount_fen) AS amount_fen, min(delivered_at) AS oldest_at,
       seconds_between(min(delivered_at), :as_of) AS oldest_age_s
FROM orders.orders
WHERE grant_state = 'none' AND kind = 'goods' AND env = 'production' AND (:app IS NULL OR app = :app)
GROUP BY app, day
ORDER BY day, app
LIMIT :limit
