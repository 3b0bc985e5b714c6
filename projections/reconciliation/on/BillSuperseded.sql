-- The file that comes instead is sealed next: then this one leaves.
UPDATE files SET superseded_by = :by_sha256, reason = :reason
WHERE stream = :stream AND state = 'sealed' AND sha256 = :sha256;
