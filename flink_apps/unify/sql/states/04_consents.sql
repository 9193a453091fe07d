-- The latest answer of a person for each purpose and channel.

CREATE TEMPORARY VIEW identifier_consent AS
SELECT
  customer_key, purpose, channel,
  MAX(occurred_at) AS decided_at,
  -- Of two answers at the same time, the refusal wins.
  MAX(DATE_FORMAT(CAST(occurred_at AS TIMESTAMP(3)), '@{time_pattern}') || CASE WHEN granted THEN '0' ELSE '1' END)
    AS last_word
FROM (
  SELECT
    customer_key, occurred_at,
    JSON_VALUE(payload, '$.purpose') AS purpose,
    JSON_VALUE(payload, '$.channel') AS channel,
    JSON_VALUE(payload, '$.granted') = 'true' AS granted
  FROM interactions
  WHERE event_type = 'consent_changed'
)
GROUP BY customer_key, purpose, channel;

CREATE TEMPORARY VIEW consent AS
SELECT
  person_id, purpose, channel,
  SUBSTRING(MAX(last_word) FROM @{time_length} + 1) = '0' AS granted,
  MAX(decided_at) AS decided_at
FROM (
  SELECT COALESCE(i.person_id, @{anonymous_id}) AS person_id, c.*
  FROM identifier_consent AS c
  LEFT JOIN identifier AS i ON c.customer_key = i.identifier_key
)
GROUP BY person_id, purpose, channel;
