UPDATE cases SET state = 'reopened', reason = :reason, by = :by, at = :recorded_at, position = :position
WHERE merchant = :merchant AND kind = :kind AND id = :id;
