-- What happens between two loads, from the stream of interactions. It is made anew by each load, so that it keeps nothing
-- longer than the stream itself, and reads again what that still has.
CREATE EXTERNAL SCHEMA IF NOT EXISTS live
FROM KINESIS IAM_ROLE default;

DROP MATERIALIZED VIEW IF EXISTS warehouse.live_interaction CASCADE;

-- No payload and no identifier: whoever needs those reads the lake. A record that is not JSON stops nothing; its bytes
-- are kept, and it is counted. Redshift reads a text of at most 65,535 bytes.
CREATE MATERIALIZED VIEW warehouse.live_interaction AUTO REFRESH YES AS
SELECT
  approximate_arrival_timestamp AS arrived_at,
  shard_id,
  sequence_number,
  CASE WHEN CAN_JSON_PARSE(kinesis_data) AND LENGTH(kinesis_data) < 65355
    THEN JSON_EXTRACT_PATH_TEXT(FROM_VARBYTE(kinesis_data, 'utf-8'), 'source', true) END AS source,
  CASE WHEN CAN_JSON_PARSE(kinesis_data) AND LENGTH(kinesis_data) < 65355
    THEN JSON_EXTRACT_PATH_TEXT(FROM_VARBYTE(kinesis_data, 'utf-8'), 'event_id', true) END AS event_id,
  CASE WHEN CAN_JSON_PARSE(kinesis_data) AND LENGTH(kinesis_data) < 65355
    THEN JSON_EXTRACT_PATH_TEXT(FROM_VARBYTE(kinesis_data, 'utf-8'), 'event_type', true) END AS event_type,
  CASE WHEN CAN_JSON_PARSE(kinesis_data) AND LENGTH(kinesis_data) < 65355
    THEN JSON_EXTRACT_PATH_TEXT(FROM_VARBYTE(kinesis_data, 'utf-8'), 'occurred_at', true) END AS occurred_at,
  CASE WHEN CAN_JSON_PARSE(kinesis_data) AND LENGTH(kinesis_data) < 65355
    THEN JSON_EXTRACT_PATH_TEXT(FROM_VARBYTE(kinesis_data, 'utf-8'), 'currency', true) END AS currency,
  CASE WHEN CAN_JSON_PARSE(kinesis_data) AND LENGTH(kinesis_data) < 65355
    THEN JSON_EXTRACT_PATH_TEXT(FROM_VARBYTE(kinesis_data, 'utf-8'), 'amount', true) END AS amount,
  CASE WHEN CAN_JSON_PARSE(kinesis_data) AND LENGTH(kinesis_data) < 65355
    THEN NULL ELSE kinesis_data END AS unreadable
FROM live."${stream}";

-- Each event once, however often it was delivered.
CREATE VIEW warehouse.live_activity AS
SELECT
  CAST(SUBSTRING(e.occurred_at, 1, 10) AS DATE) AS occurred_on,
  e.event_type,
  COALESCE(NULLIF(e.currency, ''), 'XXX') AS currency,
  COUNT(*) AS events,
  SUM(CAST(NULLIF(e.amount, '') AS DECIMAL(38, 2))) AS amount
FROM (
  SELECT
    i.source,
    i.event_id,
    MIN(i.event_type) AS event_type,
    MIN(i.occurred_at) AS occurred_at,
    MIN(i.currency) AS currency,
    MIN(i.amount) AS amount
  FROM warehouse.live_interaction AS i
  WHERE i.event_id <> '' AND i.occurred_at <> ''
  GROUP BY i.source, i.event_id
) AS e
GROUP BY 1, 2, 3;

CREATE VIEW warehouse.live_unreadable AS
SELECT
  COUNT(*) AS records,
  MIN(i.arrived_at) AS first_arrived_at,
  MAX(i.arrived_at) AS last_arrived_at
FROM warehouse.live_interaction AS i
WHERE i.event_id IS NULL OR i.event_id = '' OR i.occurred_at = '';
