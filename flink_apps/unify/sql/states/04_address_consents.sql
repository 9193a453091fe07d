-- The latest answer for each address, purpose and channel, whoever gave it: an answer with the address of its channel
-- also counts for that address. History counts, too. The address's key is in the column of the person.

CREATE TEMPORARY VIEW address_consent AS
SELECT
  address_key AS person_id, purpose, channel,
  SUBSTRING(MAX(word) FROM @{time_length} + 1) = '0' AS granted,
  MAX(occurred_at) AS decided_at
FROM (
  SELECT
    identifier_keys, occurred_at,
    JSON_VALUE(payload, '$.purpose') AS purpose,
    JSON_VALUE(payload, '$.channel') AS channel,
    -- Of two answers at the same time, the refusal wins.
    DATE_FORMAT(CAST(occurred_at AS TIMESTAMP(3)), '@{time_pattern}')
      || CASE WHEN JSON_VALUE(payload, '$.granted') = 'true' THEN '0' ELSE '1' END AS word
  FROM interactions
  WHERE event_type = 'consent_changed'
) AS answer
CROSS JOIN UNNEST(answer.identifier_keys) AS carried (address_key)
WHERE @{is_address_of_channel}
GROUP BY address_key, purpose, channel;
