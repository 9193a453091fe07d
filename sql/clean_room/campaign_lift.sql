-- Whether customers who saw a variant of a campaign ordered more in the thirty days from the first time than those who
-- saw another, such as its control.
WITH seen AS (
  SELECT
    email_sha256,
    variant,
    MIN(seen_on) AS first_seen_on
  FROM audience
  WHERE campaign = :campaign
  GROUP BY email_sha256, variant
)

SELECT
  s.variant,
  COUNT(DISTINCT p.email_sha256) AS customers,
  COUNT(DISTINCT o.email_sha256) AS buyers,
  SUM(o.amount) AS amount
FROM seen AS s
INNER JOIN people AS p ON s.email_sha256 = p.email_sha256
LEFT JOIN orders AS o
  ON
    p.email_sha256 = o.email_sha256
    AND o.currency = :currency
    AND o.ordered_on >= s.first_seen_on
    AND o.ordered_on < DATE_ADD(s.first_seen_on, 30)
GROUP BY s.variant
