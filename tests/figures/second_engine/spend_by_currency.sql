SELECT
  t.person_id,
  t.money AS currency,
  count(*) FILTER (is_order) AS orders,
  count(*) FILTER (event_type = 'order_returned') AS returns,
  coalesce(sum(amount), 0) AS spend,
  sum(amount) FILTER (is_order) AS ordered_amount,
  round(sum(amount) FILTER (is_order) / nullif(count(*) FILTER (is_order), 0)::DECIMAL(18, 0), 2)::DECIMAL(38, 2)
    AS average_basket,
  min(occurred_at) FILTER (is_order) AS first_order_at,
  max(occurred_at) FILTER (is_order) AS last_order_at,
  min(first_that_day) AS first_event_at,
  t.money = any_value(m.money) AS is_main
FROM (
  -- The day's first interaction of the identifier in that currency: what money moved on the day began with it.
  SELECT *, (
    SELECT min(e.occurred_at) FROM told AS e
    WHERE e.customer_key = trade.customer_key AND e.day = trade.day AND coalesce(e.currency, 'XXX') = trade.money
  ) AS first_that_day
  FROM trade
) AS t
JOIN main_currency AS m USING (person_id)
GROUP BY t.person_id, t.money
