-- Every record once: parsed, held to its contract and keyed, or with the reason why not.
SELECT record.arrived_at, event.*
FROM {source} AS record,
  LATERAL TABLE(clean_event(record.body, record.`position`)) AS event (
    reason_code, reason, rejected_id, body, contract_version,
    event_id, event_type, source, schema_version, occurred_ms, received_ms, trace_id, replay_id,
    customer_key, identifier_keys, visitor_key, order_id, amount, currency, payload, identifiers
  )
