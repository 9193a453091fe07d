-- A record that cannot be read or used gets the reason. After these views, no expression fails on a record without one.

CREATE TEMPORARY VIEW checked_interaction AS
SELECT
  *,
  CASE
    WHEN fault IS NOT NULL THEN fault
    WHEN event_type NOT IN
      ('case_closed', 'loyalty_points_changed', 'consent_changed', 'contact_changed', 'score_computed')
    THEN NULL
    WHEN payload IS NOT JSON OBJECT THEN '`payload` is no JSON object that can be read; send one'
    WHEN event_type = 'case_closed' AND JSON_EXISTS(payload, '$.csat')
      AND COALESCE(@{csat} NOT BETWEEN 0 AND 99, TRUE)
    THEN '`payload.csat` is no whole number from 0 to 99; send one, or leave it out'
    WHEN event_type = 'loyalty_points_changed' AND JSON_EXISTS(payload, '$.balance') AND @{balance} IS NULL
    THEN '`payload.balance` is no whole number of 64 bits; send one'
    WHEN event_type = 'consent_changed'
      AND (JSON_VALUE(payload, '$.purpose') IS NULL OR JSON_VALUE(payload, '$.channel') IS NULL)
    THEN '`payload.purpose` or `payload.channel` is no text; send both'
    WHEN event_type = 'score_computed' AND (JSON_VALUE(payload, '$.score') IS NULL OR @{score_value} IS NULL)
    THEN '`payload.score` is no text, or `payload.value` no number of at most 18 digits; send both'
    WHEN event_type = 'consent_changed' AND COALESCE(JSON_VALUE(payload, '$.granted') NOT IN ('true', 'false'), TRUE)
    THEN '`payload.granted` is neither true nor false; send one of them'
  END AS finding
FROM interaction_reading;

CREATE TEMPORARY VIEW checked_identity_change AS
SELECT
  *,
  CASE
    WHEN fault IS NOT NULL THEN fault
    WHEN kind NOT IN ('person', 'identifier') THEN '`kind` is neither person nor identifier; send one of them'
    WHEN op NOT IN ('upsert', 'delete') THEN '`op` is neither upsert nor delete; send one of them'
    WHEN kind = 'identifier' AND `key` IS NULL THEN '`key` of an identifier is missing; send it'
    WHEN (kind = 'person' OR op = 'upsert') AND person_id IS NULL THEN '`person_id` is missing; send it'
    WHEN CHAR_LENGTH(person_id) NOT BETWEEN 1 AND @{longest_person_id}
    THEN '`person_id` is empty or longer than @{longest_person_id} characters; send the id of a person'
    WHEN version < 0 THEN '`version` is below 0; send the version of the run'
    WHEN record_count < 0 THEN '`record_count` is below 0; send how many records the person has'
  END AS finding
FROM identity_change_reading;
