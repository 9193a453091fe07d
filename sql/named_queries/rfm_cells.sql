-- name: RFM cells
-- description: How many persons and how much spend each pair of recency and frequency scores holds, by main currency.
SELECT recency_score, frequency_score, currency, count(*) AS persons, sum(monetary) AS spend
FROM rfm
GROUP BY recency_score, frequency_score, currency
ORDER BY recency_score DESC, frequency_score DESC, currency ASC
