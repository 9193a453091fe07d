SELECT
  day,
  source,
  event_type,
  count(*) AS events,
  count(person_id) AS known_events,
  count(*) FILTER (received_at - occurred_at > INTERVAL 1 DAY) AS late_events,
  count(DISTINCT anyone) AS people,
  count(DISTINCT person_id) AS known_people
FROM told
GROUP BY ALL
