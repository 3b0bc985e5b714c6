-- The last report stands. Only the time never goes back: two servers of a game may report in any order.
INSERT INTO roles (open_id, app, env, role_id, role_name, zones, midas_zone_id, attach, played_at, reported_at)
VALUES (:open_id, :app, :env, :role_id, :role_name, :zones, :midas_zone_id, :attach, :played_at, :recorded_at)
ON CONFLICT (open_id, app, env, role_id) DO UPDATE SET
    role_name = excluded.role_name,
    zones = excluded.zones,
    midas_zone_id = excluded.midas_zone_id,
    attach = excluded.attach,
    played_at = max(played_at, excluded.played_at),
    reported_at = excluded.reported_at;
