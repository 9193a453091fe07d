-- One row per person who is known to identity resolution or has done something. The row of a merged person stays,
-- marked as gone: its version goes forward, and nothing that arrives late revives it. What is said and what is done
-- come together in one aggregate; an outer join would tell of a person without any orders between every two states.

CREATE TEMPORARY VIEW person_sum AS
SELECT
  person_id,
  MAX(word) AS who,
  COUNT(event_type) AS event_count,
  MAX(occurred_at) AS last_event_at,
  COUNT(*) FILTER (WHERE event_type = 'order_placed') AS orders,
  COUNT(*) FILTER (WHERE event_type = 'order_returned') AS `returns`,
  SUM(amount) FILTER (WHERE event_type IN ('order_placed', 'order_returned')) AS spend,
  MIN(currency) FILTER (WHERE event_type = 'order_placed') AS lowest_currency,
  MAX(currency) FILTER (WHERE event_type = 'order_placed') AS highest_currency,
  MIN(occurred_at) FILTER (WHERE event_type = 'order_placed') AS first_order_at,
  MAX(occurred_at) FILTER (WHERE event_type = 'order_placed') AS last_order_at,
  COUNT(*) FILTER (WHERE event_type = 'order_placed' AND live) AS live_orders,
  COUNT(*) FILTER (WHERE session_start) AS visits,
  COUNT(*) FILTER (WHERE event_type = 'case_opened') AS cases_opened,
  COUNT(*) FILTER (WHERE event_type = 'case_closed') AS cases_closed,
  SUM(csat) AS csat_sum,
  COUNT(csat) AS csat_count,
  MAX(live_case) AS last_case,
  MAX(occurred_at) FILTER (WHERE live_case IS NOT NULL) AS last_case_closed_at,
  MAX(occurred_at) FILTER (WHERE event_type = 'consent_changed') AS last_consent_at,
  MAX(loyalty) AS last_loyalty,
  MAX(demographics) AS last_demographics
FROM (
  SELECT
    person_id, CAST(NULL AS STRING) AS word, event_type, occurred_at, live, session_start, amount, currency, csat,
    live_case, loyalty, demographics
  FROM attributed
  UNION ALL
  SELECT
    person_id, word, CAST(NULL AS STRING), CAST(NULL AS TIMESTAMP_LTZ(3)), CAST(NULL AS BOOLEAN),
    CAST(NULL AS BOOLEAN), CAST(NULL AS DECIMAL(14, 2)), CAST(NULL AS STRING), CAST(NULL AS BIGINT),
    CAST(NULL AS STRING), CAST(NULL AS STRING), CAST(NULL AS STRING)
  FROM person_word
)
GROUP BY person_id;

CREATE TEMPORARY VIEW profile_base AS
SELECT
  person_id, @{unpacked_identity}, last_event_at, event_count, orders, `returns`,
  CAST(COALESCE(spend, 0) AS @{spend_type}) AS spend,
  -- A sum over several currencies means nothing: then there is no currency, and readers can tell.
  CASE WHEN lowest_currency = highest_currency THEN lowest_currency END AS currency,
  first_order_at, last_order_at, live_orders, visits, cases_opened, cases_closed,
  CASE WHEN csat_count > 0 THEN CAST(CAST(csat_sum AS DECIMAL(18, 4)) / csat_count AS DECIMAL(4, 2)) END
    AS csat_average,
  SUBSTRING(last_case FROM @{text_start}) AS last_case,
  last_case_closed_at, last_consent_at,
  SUBSTRING(last_loyalty FROM @{text_start}) AS last_loyalty,
  SUBSTRING(last_demographics FROM @{text_start}) AS last_demographics
FROM person_sum;

CREATE TEMPORARY VIEW profile_attribute AS
SELECT
  person_id,
  COALESCE(op = 'delete', FALSE) AS gone,
  COALESCE(version, 0) AS identity_version,
  last_event_at, event_count,
  first_name, last_name, email, phone, street, city, state, postal_code, birth_date, `language`, time_zone,
  crm_id, case_customer_id, loyalty_id, record_count,
  orders, `returns`, spend, currency, first_order_at, last_order_at, live_orders, visits,
  cases_opened, cases_closed, csat_average,
  JSON_VALUE(last_case, '$.case_id') AS last_case_id,
  CAST(@{last_case_csat} AS INT) AS last_case_csat,
  last_case_closed_at, last_consent_at,
  @{loyalty_points} AS loyalty_points,
  JSON_VALUE(last_loyalty, '$.tier') AS loyalty_tier,
  JSON_VALUE(last_demographics, '$.age_band') AS age_band,
  JSON_VALUE(last_demographics, '$.income_band') AS income_band,
  JSON_VALUE(last_demographics, '$.home_ownership') AS home_ownership,
  JSON_VALUE(last_demographics, '$.marital_status') AS marital_status,
  JSON_VALUE(last_demographics, '$.household_size') AS household_size,
  JSON_VALUE(last_demographics, '$.household_comp') AS household_comp,
  JSON_VALUE(last_demographics, '$.kids_count') AS kids_count
FROM profile_base;

CREATE TEMPORARY VIEW profile AS
SELECT *, @{segments} AS segments
FROM profile_attribute;
