INSERT INTO {rejected} (rejected_id, source, reason_code, reason, contract_version, received_at, run_id, body, fixed_by)
SELECT
  rejected_id, source, reason_code, reason, contract_version,
  TO_TIMESTAMP_LTZ(received_ms, 3), '{run_id}', body, CAST(NULL AS STRING)
FROM checked
WHERE reason_code IS NOT NULL
