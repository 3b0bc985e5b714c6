-- Which roles has a player? The directory behind WeChat's role list, as the game last reported each role.
--
-- environments: both

CREATE TABLE roles (
    open_id TEXT NOT NULL,
    app TEXT NOT NULL,
    env TEXT NOT NULL,
    role_id TEXT NOT NULL,
    role_name TEXT NOT NULL,
    zones TEXT NOT NULL,                    -- JSON list of {zone_id, zone_name}, from large to small
    midas_zone_id TEXT NOT NULL,
    attach TEXT,
    played_at TEXT NOT NULL,                -- the latest that was ever reported
    reported_at TEXT NOT NULL,
    PRIMARY KEY (open_id, app, env, role_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX roles_by_role ON roles (role_id);
CREATE INDEX roles_by_name ON roles (role_name);
