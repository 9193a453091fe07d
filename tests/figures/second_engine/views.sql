-- Each event once: as its first delivery has it.
CREATE OR REPLACE VIEW events AS
SELECT DISTINCT ON (source, event_id) * REPLACE (CASE WHEN json_valid(payload) THEN payload END AS payload)
FROM interactions
WHERE customer_key IS NOT NULL AND occurred_at IS NOT NULL
ORDER BY source, event_id, received_at, customer_key, event_type;

-- Each article of each order and view; no article changes its department here.
CREATE OR REPLACE VIEW articles AS
WITH named AS (
  SELECT *, unnest(
    CASE event_type WHEN 'product_viewed' THEN [payload::JSON] ELSE json_extract(payload, '$.lines[*]') END
  ) AS article
  FROM events
  WHERE event_type IN ('order_placed', 'product_viewed')
)
SELECT source, event_id, event_type, occurred_at, (article->>'product_id') AS product_id,
  (article->>'department') AS department
FROM named
WHERE (article->>'product_id') IS NOT NULL;

-- The same under the person of now; whoever is unknown has an id of the key.
CREATE OR REPLACE VIEW told AS
SELECT
  e.*,
  m.person_id,
  coalesce(m.person_id, 'a_' || left(split_part(e.customer_key, ':', 2), 26)) AS anyone,
  e.occurred_at::DATE AS day
FROM events AS e
LEFT JOIN identifier_map AS m ON m.identifier_key = e.customer_key;

CREATE OR REPLACE VIEW people AS
SELECT DISTINCT person_id FROM identity_map WHERE valid_to IS NULL;

-- Orders and returns of known people, and the main currency of each: that of most orders, then of the latest.
CREATE OR REPLACE VIEW trade AS
SELECT *, coalesce(currency, 'XXX') AS money, event_type = 'order_placed' AS is_order
FROM told
WHERE person_id IS NOT NULL AND (amount IS NOT NULL OR event_type IN ('order_placed', 'order_returned'));

CREATE OR REPLACE VIEW main_currency AS
SELECT person_id, money
FROM (
  SELECT
    person_id,
    money,
    count(*) FILTER (is_order) AS orders,
    coalesce(max(occurred_at) FILTER (is_order), TIMESTAMP '1900-01-01') AS last_order_at
  FROM trade
  GROUP BY ALL
)
QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY money = 'XXX', orders DESC, last_order_at DESC, money) = 1;

CREATE OR REPLACE VIEW as_of AS
SELECT max(day) AS day FROM trade WHERE is_order;

-- Whoever has ordered: when for the first and the last time, and the main currency.
CREATE OR REPLACE VIEW buyers AS
SELECT
  t.person_id,
  any_value(c.money) AS money,
  min(t.day) FILTER (t.is_order) AS first_on,
  max(t.day) FILTER (t.is_order) AS last_on,
  count(*) FILTER (t.is_order) AS orders,
  count(*) FILTER (t.event_type = 'order_returned') AS returns
FROM trade AS t
JOIN main_currency AS c USING (person_id)
GROUP BY t.person_id
HAVING count(*) FILTER (t.is_order) > 0;

CREATE OR REPLACE VIEW arrival AS
SELECT max(received_at)::DATE AS day FROM interactions WHERE received_at <= now()::TIMESTAMP;

-- Types of events about which marts know more than their number.
CREATE OR REPLACE VIEW kept_types AS
SELECT unnest([
  'order_placed', 'order_returned', 'consent_changed', 'case_closed', 'score_computed', 'page_viewed', 'message_sent',
  'message_delivered', 'message_opened', 'message_clicked', 'message_bounced', 'message_complained', 'offer_shown',
  'offer_redeemed', 'custom_event'
]) AS event_type;

-- The newest version of the profile of each person, and since when it has been in a segment: the first version after the
-- last one without it.
CREATE OR REPLACE VIEW newest_profiles AS
SELECT *
FROM profiles
QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY identity_version DESC, computed_at DESC, event_count DESC) = 1;

CREATE OR REPLACE VIEW members AS
SELECT n.person_id, n.segment, min(v.computed_at) AS since
FROM (SELECT person_id, unnest(segments) AS segment FROM newest_profiles WHERE person_id IN (FROM people)) AS n
JOIN profiles AS v ON v.person_id = n.person_id
WHERE NOT EXISTS (
  SELECT 1 FROM profiles AS w
  WHERE w.person_id = v.person_id AND NOT list_contains(w.segments, n.segment)
    AND (w.identity_version, w.computed_at, w.event_count) >= (v.identity_version, v.computed_at, v.event_count)
)
GROUP BY n.person_id, n.segment;

-- What bought products say now, by the keys of all current records of a person.
CREATE OR REPLACE VIEW said AS
WITH has AS (
  SELECT DISTINCT m.person_id, r.person_key, r.household_key, r.postal_code
  FROM identity_map AS m JOIN identity_records AS r USING (record_id) WHERE m.valid_to IS NULL
)
SELECT DISTINCT person_id, 'demographics' AS product, age_band AS said
FROM has JOIN reference_demographics USING (person_key) WHERE is_current
UNION
SELECT DISTINCT person_id, 'credit_bands', credit_band
FROM has JOIN reference_credit_bands USING (household_key) WHERE is_current
UNION
SELECT DISTINCT person_id, 'advertising_audiences', audience
FROM has JOIN reference_advertising_audiences AS a ON a.postal_code_key = has.postal_code
WHERE a.is_current AND a.audience <> 'none';
