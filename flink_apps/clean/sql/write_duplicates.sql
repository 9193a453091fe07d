INSERT INTO @{duplicates} (event_id, source, received_at)
SELECT event_id, source, TO_TIMESTAMP_LTZ(@{received_ms}, 3) FROM counted WHERE arrival > 1
