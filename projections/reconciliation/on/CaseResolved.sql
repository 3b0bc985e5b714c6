INSERT INTO cases (merchant, kind, id, state, status, facts, reason, by, at, position)
VALUES (:merchant, :kind, :id, 'resolved', :status, :facts, :reason, :by, :recorded_at, :position)
ON CONFLICT (merchant, kind, id) DO UPDATE
SET state = excluded.state, status = excluded.status, facts = excluded.facts, reason = excluded.reason,
    by = excluded.by, at = excluded.at, position = excluded.position;
