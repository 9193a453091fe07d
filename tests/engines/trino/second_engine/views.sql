-- Each event once: as its first delivery has it.
CREATE OR REPLACE VIEW events AS
SELECT DISTINCT ON (source, event_id) * REPLACE (CASE WHEN json_valid(payload) THEN payload END AS payload)
FROM interactions
WHERE customer_key IS NOT NULL AND occurred_at IS NOT NULL
ORDER BY source, event_id, received_at, customer_key, event_type;

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
