-- Step by step for each person and month, by the days themselves.
WITH steps AS (
  SELECT
    anyone,
    bool_or(person_id IS NOT NULL) AS is_known,
    list(DISTINCT day) FILTER (event_type = 'product_viewed') AS views,
    list(DISTINCT day) FILTER (event_type = 'cart_updated' AND (payload->>'quantity')::BIGINT > 0) AS baskets,
    list(DISTINCT day) FILTER (event_type = 'order_placed') AS orders,
    list(DISTINCT day) FILTER (event_type = 'order_returned') AS returns
  FROM told
  GROUP BY anyone
),

viewed AS (
  SELECT *, list_min(list_filter(views, lambda d: date_trunc('month', d) = month)) AS viewed_on
  FROM (SELECT *, unnest(list_distinct([date_trunc('month', d) FOR d IN views])) AS month FROM steps)
),

filled AS (
  SELECT *, list_min(list_filter(baskets, lambda d: d BETWEEN viewed_on AND viewed_on + 29)) AS filled_on FROM viewed
),

ordered AS (
  SELECT *, list_min(list_filter(orders, lambda d: d BETWEEN filled_on AND filled_on + 29)) AS ordered_on FROM filled
),

returned AS (
  SELECT *, list_min(list_filter(returns, lambda d: d BETWEEN ordered_on AND ordered_on + 29)) AS returned_on FROM ordered
)

SELECT
  month::DATE AS month,
  is_known,
  count(*) AS viewers,
  count(filled_on) AS filled_basket,
  count(ordered_on) AS ordered,
  count(returned_on) AS returned,
  month + INTERVAL 1 MONTH + INTERVAL 90 DAY <= (
    SELECT max(day) FROM told WHERE event_type IN ('product_viewed', 'cart_updated', 'order_placed', 'order_returned')
  ) AS is_complete
FROM returned
GROUP BY month, is_known
