SELECT
  c.person_id,
  left(p.email, 1) || '***@***.' || split_part(p.email, '.', -1) AS email_masked,
  '***' || right(p.phone, 4) AS phone_masked,
  p.state,
  p.language,
  p.time_zone,
  coalesce(p.record_count, 0) AS record_count,
  coalesce(a.orders, 0) AS orders,
  coalesce(a.returns, 0) AS returns,
  coalesce(a.spend, 0) AS spend,
  a.currency,
  coalesce(a.currencies, 0) AS currencies,
  a.average_basket,
  a.first_order_at,
  a.last_order_at,
  coalesce(a.visits, 0) AS visits,
  coalesce(a.cases_opened, 0) AS cases_opened,
  coalesce(a.cases_closed, 0) AS cases_closed,
  a.csat_average::DECIMAL(4, 2) AS csat_average,
  p.loyalty_points,
  p.loyalty_tier,
  coalesce((SELECT list(segment ORDER BY segment) FROM members AS m WHERE m.person_id = c.person_id), []::VARCHAR[])
    AS segments,
  coalesce((
    SELECT list(DISTINCT said ORDER BY said) FROM said AS s
    WHERE s.person_id = c.person_id AND product = 'advertising_audiences'
  ), []::VARCHAR[]) AS audiences,
  r.recency_score,
  r.frequency_score,
  r.monetary_score,
  r.cell AS rfm_cell,
  a.last_event_at
FROM people AS c
LEFT JOIN newest_profiles AS p USING (person_id)
LEFT JOIN answers.person_activity AS a USING (person_id)
LEFT JOIN answers.rfm AS r USING (person_id)
