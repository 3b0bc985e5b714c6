-- Roles by player, by role id or by name: who is behind a role, and which roles a player has.
--
-- Give at least one of `open_id`, `role_id` and `role_name`; without any there is no answer.
-- role: support, finance, game
-- parameter: app text | The app's slug
-- parameter: env text of production,sandbox,both = production
-- parameter: open_id text | Player
-- parameter: role_id text | RoleId
-- parameter: role_name text | RoleName, exactly
-- parameter: limit integer = 50 max 1000 | Rows at most
-- column: app text | The app's slug
-- column: env text | production or sandbox
-- column: open_id open_id | Player
-- column: role_id id | RoleId
-- column: role_name text | RoleName
-- column: zones json | Zones from large to small: zone_id and zone_name each
-- column: midas_zone_id id | MidasZoneId
-- column: attach text | Attach
-- column: played_at moment | Last played
-- column: reported_at moment | Last report that was kept
SELECT app, env, open_id, role_id, role_name, zones, midas_zone_id, attach, played_at, reported_at
FROM (
    SELECT app, env, open_id, role_id, role_name, zones, midas_zone_id, attach, played_at, reported_at
    FROM roles WHERE open_id = :open_id
    UNION ALL
    SELECT app, env, open_id, role_id, role_name, zones, midas_zone_id, attach, played_at, reported_at
    FROM roles WHERE :open_id IS NULL AND role_id = :role_id
    UNION ALL
    SELECT app, env, open_id, role_id, role_name, zones, midas_zone_id, attach, played_at, reported_at
    FROM roles WHERE :open_id IS NULL AND :role_id IS NULL AND role_name = :role_name
)
WHERE (:app IS NULL OR app = :app)
  AND (:env = 'both' OR env = :env)
  AND (:role_id IS NULL OR role_id = :role_id)
  AND (:role_name IS NULL OR role_name = :role_name)
ORDER BY played_at DESC, app, env, open_id, role_id
LIMIT :limit
