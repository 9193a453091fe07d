SELECT
  date_trunc('month', t.day)::DATE AS month,
  coalesce(s.segment, 'none') AS segment,
  t.money AS currency,
  sum(t.amount) AS spend,
  count(*) FILTER (t.is_order) AS orders,
  count(DISTINCT t.person_id) AS persons
FROM trade AS t
LEFT JOIN members AS s ON s.person_id = t.person_id
WHERE t.amount IS NOT NULL
GROUP BY ALL
