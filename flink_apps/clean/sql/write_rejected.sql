INSERT INTO @{rejected} (rejected_id, source, reason_code, reason, contract_version, received_at, run_id, body, fixed_by)
SELECT
  CASE copy
    WHEN 1 THEN rejected_id
    ELSE '@{rejected_event_prefix}' || LEFT(SHA256(rejected_id || ':' || CAST(copy AS STRING)), 32)
  END,
  @{source_name}, @{reason_code}, @{reason}, @{contract_version},
  TO_TIMESTAMP_LTZ(@{received_ms}, 3), '@{run_id}', @{body}, CAST(NULL AS STRING)
FROM refused
