-- Interactions: each event once. A session id contains the visitor and the start, so that it stays unique after its
-- state has expired.
SELECT
  event_id, @{event_type} AS event_type, source, @{schema_version} AS schema_version,
  TO_TIMESTAMP_LTZ(@{occurred_ms}, 3) AS occurred_at, TO_TIMESTAMP_LTZ(@{received_ms}, 3) AS received_at,
  @{trace_id} AS trace_id, @{replay_id} AS replay_id,
  @{customer_key} AS customer_key, SPLIT(@{identifier_keys}, '@{key_separator}') AS identifier_keys,
  @{visitor_key} || '-' || CAST(started_ms AS STRING) AS session_id, is_first AS session_start,
  @{order_id} AS order_id, CAST(@{amount} AS DECIMAL(14, 2)) AS amount, @{currency} AS currency,
  @{payload} AS payload, @{identifiers} AS identifiers
FROM counted
WHERE arrival = 1
