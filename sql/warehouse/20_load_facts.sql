-- Days on which something new has happened are loaded anew, as the dbt project adds them up anew; the others are left.
-- Flink commits a little out of order, so that the last day is looked at again.
CREATE TEMP TABLE touched_day AS
SELECT DISTINCT a.occurred_on AS day
FROM lake_products.interactions_by_key_day AS a
WHERE a.last_received_at >= COALESCE(
  (SELECT DATEADD(day, -1, MAX(f.last_received_at)) FROM warehouse.fact_activity AS f),
  CAST('1970-01-01' AS TIMESTAMP)
);

DELETE FROM warehouse.fact_activity
WHERE day IN (SELECT t.day FROM touched_day AS t);

INSERT INTO warehouse.fact_activity
SELECT
  a.customer_key,
  a.occurred_on,
  a.currency,
  a.events,
  a.orders,
  a.returns,
  a.amount,
  a.ordered_amount,
  a.visits,
  a.cases_opened,
  a.cases_closed,
  a.last_received_at
FROM lake_products.interactions_by_key_day AS a
WHERE a.occurred_on IN (SELECT t.day FROM touched_day AS t);

-- A calendar without gaps, from the first day of anything to the last.
CREATE TEMP TABLE new_date AS
WITH RECURSIVE bounds (first_day, last_day) AS (
  SELECT
    MIN(f.day),
    MAX(f.day)
  FROM warehouse.fact_activity AS f
),

calendar (day, last_day) AS (
  SELECT
    b.first_day,
    b.last_day
  FROM bounds AS b
  WHERE b.first_day IS NOT NULL
  UNION ALL
  SELECT
    CAST(DATEADD(day, 1, c.day) AS DATE),
    c.last_day
  FROM calendar AS c
  WHERE c.day < c.last_day
)

SELECT c.day FROM calendar AS c;

DELETE FROM warehouse.dim_date
WHERE day NOT IN (SELECT n.day FROM new_date AS n);

INSERT INTO warehouse.dim_date
SELECT
  n.day,
  EXTRACT(YEAR FROM n.day),
  EXTRACT(QUARTER FROM n.day),
  EXTRACT(MONTH FROM n.day),
  EXTRACT(WEEK FROM n.day),
  EXTRACT(DOW FROM n.day),
  EXTRACT(DOW FROM n.day) IN (0, 6)
FROM new_date AS n
WHERE n.day NOT IN (SELECT d.day FROM warehouse.dim_date AS d);
