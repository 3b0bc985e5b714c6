-- A player's roles, most recently played first: what WeChat is answered. Played at the same moment, the smaller
-- role id goes first.
-- role: game, support
-- parameter: app text required | The app's slug
-- parameter: env text of production,sandbox required
-- parameter: open_id text required | Player
-- parameter: limit integer = 20 max 20 | Roles at most
-- column: role_id id | RoleId
-- column: role_name text | RoleName
-- column: zones json | Zones from large to small: zone_id and zone_name each
-- column: midas_zone_id id | MidasZoneId
-- column: attach text | Attach
-- column: played_at moment | Last played
SELECT role_id, role_name, zones, midas_zone_id, attach, played_at
FROM roles
WHERE open_id = :open_id AND app = :app AND env = :env
ORDER BY played_at DESC, role_id
LIMIT :limit
