-- Once for each line.
INSERT INTO fund_lines (line, business_id, direction, amount_fen)
SELECT file * 4294967296 + :line, :business_id, :direction, :amount_fen
FROM files
WHERE stream = :stream AND state = 'unfinished';
