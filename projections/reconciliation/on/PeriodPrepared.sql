-- What was prepared counts once it is closed. The 31st day after the first of a month is always in the next.
INSERT INTO periods (merchant, month, next_month, state, report_sha256, prepared_position, summary, prepared_by,
                     prepared_at, position)
VALUES (:merchant, :month, substr(day_plus(:month || '-01', 31), 1, 7), 'prepared', :report_sha256, :report_position,
        :summary, :by, :recorded_at, :position)
ON CONFLICT (merchant, month) DO UPDATE
SET state = excluded.state, report_sha256 = excluded.report_sha256, prepared_position = excluded.prepared_position,
    summary = excluded.summary, prepared_by = excluded.prepared_by, prepared_at = excluded.prepared_at,
    position = excluded.position;
