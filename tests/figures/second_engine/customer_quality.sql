WITH groups AS (
  -- The interactions of an identifier on a day in a currency: what is odd is dated by the first of them.
  SELECT person_id, customer_key, day, coalesce(currency, 'XXX') AS money, min(occurred_at) AS begun, sum(amount) AS amount,
    count(*) FILTER (
      event_type = 'case_closed' AND coalesce(json_type(payload, '$.csat'), 'NULL') <> 'NULL'
      AND coalesce(TRY_CAST((payload->>'csat') AS DOUBLE) NOT BETWEEN 1 AND 5, true)
    ) AS unreadable,
    coalesce(sum((
      SELECT count(*) FROM interactions AS i
      WHERE i.source = told.source AND i.event_id = told.event_id AND (
        i.amount IS DISTINCT FROM told.amount OR i.currency IS DISTINCT FROM told.currency
        OR i.customer_key <> told.customer_key
      )
    )), 0)::BIGINT AS conflicts
  FROM told
  WHERE person_id IS NOT NULL
  GROUP BY person_id, customer_key, day, money
),

currencies AS (
  SELECT *, row_number() OVER (PARTITION BY person_id ORDER BY first_event_at, currency) AS position
  FROM answers.spend_by_currency
  WHERE currency <> 'XXX'
)

SELECT
  person_id,
  'several_currencies' AS "check",
  string_agg(currency || ' ' || spend::DECIMAL(38, 2), ', ' ORDER BY position) AS detail,
  min(first_event_at) FILTER (position > 1) AS since
FROM currencies
GROUP BY person_id
HAVING count(*) > 1
UNION ALL
SELECT person_id, 'amount_without_currency', sum(amount)::DECIMAL(38, 2)::VARCHAR, min(begun)
FROM groups WHERE money = 'XXX' AND amount IS NOT NULL GROUP BY person_id
UNION ALL
SELECT person_id, 'event_id_used_twice', sum(conflicts) || ' deliveries differ from the first one of their id', min(begun)
FROM groups WHERE conflicts > 0 GROUP BY person_id
UNION ALL
SELECT person_id, 'unreadable_satisfaction', sum(unreadable) || ' closed cases; a satisfaction is a number from 1 to 5',
  min(begun)
FROM groups WHERE unreadable > 0 GROUP BY person_id
UNION ALL
SELECT person_id, 'no_current_record', 'the map of identifiers names the person, the map of records does not', min(begun)
FROM groups WHERE person_id NOT IN (FROM people) GROUP BY person_id
UNION ALL
SELECT a.person_id, 'profile_disagrees', 'profile ' || p.spend || ', interactions ' || a.spend::DECIMAL(38, 2),
  a.last_event_at
FROM answers.person_activity AS a
JOIN newest_profiles AS p USING (person_id)
WHERE a.currencies = 1 AND p.spend <> a.spend
