-- name: RFM cells
-- description: How many persons and how much spend each pair of recency and frequency scores holds.
SELECT recency_score, frequency_score, count(*) AS persons, sum(monetary) AS spend
FROM rfm
GROUP BY recency_score, frequency_score
ORDER BY recency_score DESC, frequency_score DESC
