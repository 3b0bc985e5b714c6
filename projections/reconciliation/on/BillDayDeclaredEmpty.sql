-- An import that never ended is forgotten.
-- then: forget_unfinished

INSERT INTO files (stream, merchant, bill_day, kind, kind_place, covers, state, rows, by, reason, position, at)
VALUES (:stream, :merchant, :bill_day, :kind, '', :covers, 'declared_empty', 0, :by, :reason, :position, :recorded_at);

-- then: cover_days
