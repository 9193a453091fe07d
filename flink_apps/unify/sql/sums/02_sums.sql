-- Every interaction cut down to what profiles are made of, added up by the identifier that it carries, and given to the
-- person whose identifier that is now. Interactions only ever add to what there is, so that a profile never dips between
-- two states; an identity change takes the sums of an identifier from one person and gives them to another.

CREATE TEMPORARY VIEW contribution AS
SELECT
  customer_key,
  1 AS event_count,
  CASE WHEN event_type = 'order_placed' THEN 1 END AS orders,
  CASE WHEN event_type = 'order_returned' THEN 1 END AS `returns`,
  CASE WHEN event_type = 'order_placed' AND live THEN 1 END AS live_orders,
  CASE WHEN session_start THEN 1 END AS visits,
  CASE WHEN event_type = 'case_opened' THEN 1 END AS cases_opened,
  CASE WHEN event_type = 'case_closed' THEN 1 END AS cases_closed,
  csat AS csat_sum,
  CASE WHEN csat IS NOT NULL THEN 1 END AS csat_count,
  CASE WHEN event_type IN ('order_placed', 'order_returned') THEN amount END AS spend,
  CASE WHEN event_type = 'order_placed' THEN occurred_at END AS first_order_at,
  occurred_at AS last_event_at,
  CASE WHEN event_type = 'order_placed' THEN occurred_at END AS last_order_at,
  CASE WHEN event_type = 'case_closed' AND live THEN occurred_at END AS last_case_closed_at,
  CASE WHEN event_type = 'consent_changed' THEN occurred_at END AS last_consent_at,
  CASE WHEN event_type IN ('order_placed', 'order_returned') THEN currency END AS lowest_currency,
  CASE WHEN event_type IN ('order_placed', 'order_returned') THEN currency END AS highest_currency,
  -- Only the few events that have them pay for reading their payload. A text starts with its place in time, so that
  -- the highest is the latest one.
  CASE WHEN event_type = 'case_closed' AND live THEN @{place_in_time} || payload END AS last_case,
  CASE WHEN event_type = 'loyalty_points_changed' THEN @{place_in_time} || payload END AS last_loyalty,
  CASE WHEN event_type = 'contact_changed' AND source = 'demographics' THEN @{place_in_time} || payload END
    AS last_demographics
FROM (
  SELECT *, replay_id IS NULL AS live, CASE WHEN event_type = 'case_closed' THEN @{csat} END AS csat
  FROM interactions
);

CREATE TEMPORARY VIEW addition AS
SELECT customer_key, @{packed_sums}
FROM contribution;

CREATE TEMPORARY VIEW identifier_sum_given AS
SELECT COALESCE(person_id, @{anonymous_id}) AS person_id, customer_key, @{sum_columns}
FROM sums_of_person(
  done => TABLE addition PARTITION BY customer_key,
  word => TABLE identifier_word PARTITION BY `key`
);
