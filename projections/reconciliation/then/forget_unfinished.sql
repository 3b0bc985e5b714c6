-- The import of this bill that has not come to its end, where there is one.
DELETE FROM bill_lines
WHERE line BETWEEN (SELECT file * 4294967296 FROM files WHERE stream = :stream AND state = 'unfinished')
               AND (SELECT file * 4294967296 + 4294967295 FROM files WHERE stream = :stream AND state = 'unfinished');

DELETE FROM fund_lines
WHERE line BETWEEN (SELECT file * 4294967296 FROM files WHERE stream = :stream AND state = 'unfinished')
               AND (SELECT file * 4294967296 + 4294967295 FROM files WHERE stream = :stream AND state = 'unfinished');

DELETE FROM files WHERE stream = :stream AND state = 'unfinished';
