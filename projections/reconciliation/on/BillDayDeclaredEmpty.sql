-- An import that never ended is forgotten.
DELETE FROM bill_lines
WHERE line BETWEEN (SELECT file * 4294967296 FROM files WHERE stream = :stream AND state = 'unfinished')
               AND (SELECT file * 4294967296 + 4294967295 FROM files WHERE stream = :stream AND state = 'unfinished');

DELETE FROM fund_lines
WHERE line BETWEEN (SELECT file * 4294967296 FROM files WHERE stream = :stream AND state = 'unfinished')
               AND (SELECT file * 4294967296 + 4294967295 FROM files WHERE stream = :stream AND state = 'unfinished');

DELETE FROM files WHERE stream = :stream AND state = 'unfinished';

INSERT INTO files (stream, merchant, bill_day, kind, kind_place, covers, state, rows, by, reason, position, at)
VALUES (:stream, :merchant, :bill_day, :kind, '', :covers, 'declared_empty', 0, :by, :reason, :position, :recorded_at);

-- then: cover_days
