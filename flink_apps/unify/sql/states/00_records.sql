-- What the two streams say, record by record. A record that cannot be read, or that says what nobody can work with,
-- goes to quarantine with the reason: whatever passes these views, no expression after them fails on it.

CREATE TEMPORARY VIEW checked_interaction AS
SELECT
  *,
  CASE
    WHEN fault IS NOT NULL THEN fault
    WHEN event_type NOT IN ('case_closed', 'loyalty_points_changed', 'consent_changed', 'contact_changed') THEN NULL
    WHEN payload IS NOT JSON OBJECT THEN '`payload` is no JSON object that can be read; send one'
    WHEN event_type = 'case_closed' AND JSON_EXISTS(payload, '$.csat')
      AND COALESCE(@{csat} NOT BETWEEN 0 AND 99, TRUE)
    THEN '`payload.csat` is no whole number from 0 to 99; send one, or leave it out'
    WHEN event_type = 'loyalty_points_changed' AND JSON_EXISTS(payload, '$.balance') AND @{balance} IS NULL
    THEN '`payload.balance` is no whole number of 64 bits; send one'
    WHEN event_type = 'consent_changed'
      AND (JSON_VALUE(payload, '$.purpose') IS NULL OR JSON_VALUE(payload, '$.channel') IS NULL)
    THEN '`payload.purpose` or `payload.channel` is no text; send both'
    WHEN event_type = 'consent_changed' AND COALESCE(JSON_VALUE(payload, '$.granted') NOT IN ('true', 'false'), TRUE)
    THEN '`payload.granted` is neither true nor false; send one of them'
  END AS finding
FROM read_interaction;

CREATE TEMPORARY VIEW interactions AS
SELECT @{interaction_columns}
FROM checked_interaction
WHERE finding IS NULL;

CREATE TEMPORARY VIEW checked_identity_change AS
SELECT
  *,
  CASE
    WHEN fault IS NOT NULL THEN fault
    WHEN kind NOT IN ('person', 'identifier') THEN '`kind` is neither person nor identifier; send one of them'
    WHEN op NOT IN ('upsert', 'delete') THEN '`op` is neither upsert nor delete; send one of them'
    WHEN kind = 'identifier' AND `key` IS NULL THEN '`key` of an identifier is missing; send it'
    WHEN (kind = 'person' OR op = 'upsert') AND person_id IS NULL THEN '`person_id` is missing; send it'
    WHEN version < 0 THEN '`version` is below 0; send the version of the run'
  END AS finding
FROM read_identity_change;

CREATE TEMPORARY VIEW identity_changes AS
SELECT @{identity_change_columns}
FROM checked_identity_change
WHERE finding IS NULL;

-- A record that comes again, as records do after a restart, is the same rejection.
CREATE TEMPORARY VIEW unreadable AS
SELECT rejected_id, origin, fault_code, finding, `record`
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY rejected_id ORDER BY arrived) AS delivery
  FROM (
    SELECT *, @{rejected_prefix} || LEFT(SHA256(origin || ':' || `record`), 32) AS rejected_id, PROCTIME() AS arrived
    FROM (
      SELECT
        CAST('interactions' AS STRING) AS origin, COALESCE(fault_code, 'WRONG_TYPE') AS fault_code, finding, `record`
      FROM checked_interaction
      WHERE finding IS NOT NULL
      UNION ALL
      SELECT
        CAST('identity_changes' AS STRING) AS origin, COALESCE(fault_code, 'OUT_OF_RANGE') AS fault_code, finding,
        `record`
      FROM checked_identity_change
      WHERE finding IS NOT NULL
    )
  )
)
WHERE delivery = 1;
