-- A player's gifts, newest first. Gifts have no environment: WeChat sends them in production only.
-- role: support, game
-- parameter: open_id text required | Player
-- parameter: app text | The app's slug
-- parameter: before position | Only gifts before this position (the next page)
-- parameter: limit integer = 50 max 1000 | Rows at most
-- next: before = position
-- column: position position | Where the first push stands in the log
-- column: app text | The app's slug
-- column: order_id id | OrderId, the gift's number
-- column: open_id open_id | Player
-- column: zone id | Zone
-- column: gift_type_id id | GiftTypeId
-- column: gift_id id | GiftId
-- column: send_time id | SendTime as WeChat sent it: Unix seconds
-- column: goods json | What was given: id and num each
-- column: delivered_at moment | First push
-- column: day day | Its Beijing day
-- column: conflicts count | Pushes of this number with another content
SELECT position, app, order_id, open_id, CAST(zone AS TEXT) AS zone, CAST(gift_type_id AS TEXT) AS gift_type_id,
       gift_id, CAST(send_time AS TEXT) AS send_time, goods, delivered_at, day, conflicts
FROM gifts
WHERE open_id = :open_id AND (:app IS NULL OR app = :app) AND position < ifnull(:before, 9223372036854775807)
ORDER BY position DESC
LIMIT :limit
