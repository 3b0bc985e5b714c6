UPDATE quarantine
SET resolution = 'dismissed', resolved_by = :by, resolved_reason = :reason, resolved_at = :recorded_at
WHERE quarantine_id = :key;
