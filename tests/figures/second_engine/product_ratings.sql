-- A review is what its last word says, unless that takes it back.
WITH words AS (
  SELECT source, coalesce((payload->>'review_id'), 'event ' || event_id) AS review, occurred_at, event_id, event_type,
    event_type = 'review_deleted' AS gone, (payload->>'product_id') AS product_id, (payload->>'rating')::INTEGER AS rating
  FROM events
  WHERE event_type IN ('review_posted', 'review_edited', 'review_deleted')
),

last_words AS (
  SELECT source, review, arg_max({'gone': gone, 'product': product_id, 'rating': rating}, (occurred_at, gone, event_id)) AS word,
    min(occurred_at) AS first_at, max(occurred_at) AS last_at
  FROM words
  GROUP BY source, review
)

SELECT
  word.product AS product_id,
  count(*) AS reviews,
  round(avg(word.rating), 2)::DECIMAL(4, 2) AS rating_average,
  count(*) FILTER (word.rating <= 2) AS bad_reviews,
  min(first_at) AS first_review_at,
  max(last_at) AS last_review_at
FROM last_words
WHERE NOT word.gone AND word.product IS NOT NULL
GROUP BY word.product
