INSERT INTO @{rejected} (
  rejected_id, source, reason_code, reason, contract_version, received_at, run_id, body, fixed_by
)
SELECT
  rejected_id, origin, fault_code, finding, @{contract_version},
  CURRENT_ROW_TIMESTAMP(), 'unify', `record`, CAST(NULL AS STRING)
FROM change
WHERE kind = 'rejected';
