SELECT
  product_id,
  max(department) AS department,
  max(occurred_at) FILTER (event_type = 'order_placed') AS last_sold_at,
  count(DISTINCT (source, event_id)) AS events
FROM articles
GROUP BY product_id
