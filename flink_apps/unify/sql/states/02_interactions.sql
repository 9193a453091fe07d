-- Every interaction once (an id is unique within its source), cut down to what profiles are made of, and given to the person whose identifier it carries
-- now. Interactions only ever arrive, so that a profile never dips between two states; an identity change takes them
-- from one person and gives them to another. Who is not known is an anonymous person of that identifier.

CREATE TEMPORARY VIEW arriving_interaction AS
SELECT *, PROCTIME() AS arrived
FROM interactions;

CREATE TEMPORARY VIEW contribution AS
SELECT
  customer_key, event_type, occurred_at, replay_id IS NULL AS live, session_start, amount, currency,
  -- Only the few events that have them pay for reading their payload. A text starts with its place in time, so that
  -- MAX is the latest one.
  CASE WHEN event_type = 'case_closed' THEN @{csat} END AS csat,
  CASE WHEN event_type = 'case_closed' AND replay_id IS NULL THEN @{place_in_time} || payload END AS live_case,
  CASE WHEN event_type = 'loyalty_points_changed' THEN @{place_in_time} || payload END AS loyalty,
  CASE WHEN event_type = 'contact_changed' AND source = 'demographics' THEN @{place_in_time} || payload END
    AS demographics
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY source, event_id ORDER BY arrived) AS delivery
  FROM arriving_interaction
)
WHERE delivery = 1;

CREATE TEMPORARY VIEW attributed AS
SELECT COALESCE(i.person_id, @{anonymous_id}) AS person_id, c.*
FROM contribution AS c
LEFT JOIN identifier AS i ON c.customer_key = i.identifier_key;
