-- One row per person who is known to identity resolution or has done something. The row of a merged person stays,
-- marked as gone: its version goes forward, and nothing that arrives late revives it. What is said and what is done
-- come together in one aggregate; an outer join would tell of a person without any orders between every two states.

CREATE TEMPORARY VIEW person_total AS
SELECT
  person_id,
  MAX(word) AS who,
  add_up(customer_key, @{sum_columns}) AS total
FROM (
  SELECT person_id, CAST(NULL AS STRING) AS word, customer_key, @{sum_columns}
  FROM identifier_sum
  UNION ALL
  SELECT person_id, word, CAST(NULL AS STRING), @{no_sums}
  FROM person_word
)
GROUP BY person_id;

CREATE TEMPORARY VIEW person_sum AS
SELECT person_id, who, who IS NULL AND total IS NULL AS nobody, @{unpacked_sums}
FROM person_total;

CREATE TEMPORARY VIEW profile_base AS
SELECT
  person_id, nobody, @{unpacked_identity}, last_event_at, event_count, orders, `returns`,
  -- A sum over several currencies means nothing: then there is neither a sum nor a currency.
  CASE WHEN lowest_currency <> highest_currency THEN NULL ELSE CAST(spend AS @{spend_type}) END AS spend,
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
  nobody OR COALESCE(op = 'delete', FALSE) AS gone,
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
