-- Whoever opens again begins again.
-- then: forget_unfinished

INSERT INTO files (stream, merchant, bill_day, kind, kind_place, covers, state, sha256, file_name, profile, rows, by,
                   position, at)
VALUES (:stream, :merchant, :bill_day, :kind,
        CASE :kind WHEN 'all' THEN '1' WHEN 'success' THEN '2' WHEN 'refund' THEN '3' ELSE '4 ' || :kind END, :covers,
        'unfinished', :sha256, :file_name, :profile, :rows, :by, :position, :recorded_at);
