-- No push brought it; it is counted so that what people recovered is seen beside what came.
INSERT INTO pushes (app, env, day, event_type, kind, pushes, first_at, last_at)
VALUES (:app, coalesce(:env, ''), :day, :event_type, '', 1, :recorded_at, :recorded_at)
ON CONFLICT (app, env, day, event_type, kind) DO UPDATE SET
    pushes = pushes + 1,
    first_at = min(first_at, excluded.first_at),
    last_at = max(last_at, excluded.last_at);
