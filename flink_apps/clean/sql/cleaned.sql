-- Interactions: each event once. A session id contains the visitor and the start, so that it stays unique after its
-- state has expired.
SELECT
  event_id, event_type, source, schema_version,
  TO_TIMESTAMP_LTZ(occurred_ms, 3) AS occurred_at, TO_TIMESTAMP_LTZ(received_ms, 3) AS received_at,
  trace_id, replay_id, customer_key, identifier_keys, session_id, session_start,
  order_id, CAST(amount AS DECIMAL(14, 2)) AS amount, currency, payload, identifiers
FROM counted
WHERE arrival = 1
