-- Whoever opens again begins again.
DELETE FROM bill_lines
WHERE line BETWEEN (SELECT file * 4294967296 FROM files WHERE stream = :stream AND state = 'unfinished')
               AND (SELECT file * 4294967296 + 4294967295 FROM files WHERE stream = :stream AND state = 'unfinished');

DELETE FROM fund_lines
WHERE line BETWEEN (SELECT file * 4294967296 FROM files WHERE stream = :stream AND state = 'unfinished')
               AND (SELECT file * 4294967296 + 4294967295 FROM files WHERE stream = :stream AND state = 'unfinished');

DELETE FROM files WHERE stream = :stream AND state = 'unfinished';

INSERT INTO files (stream, merchant, bill_day, kind, kind_place, covers, state, sha256, file_name, profile, rows, by,
                   position, at)
VALUES (:stream, :merchant, :bill_day, :kind,
        CASE :kind WHEN 'all' THEN '1' WHEN 'success' THEN '2' WHEN 'refund' THEN '3' ELSE '4 ' || :kind END, :covers,
        'unfinished', :sha256, :file_name, :profile, :rows, :by, :position, :recorded_at);
