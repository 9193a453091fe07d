WITH said AS (
  SELECT
    date_trunc('month', occurred_at)::DATE AS month,
    CASE event_type WHEN 'case_closed' THEN 'csat' ELSE 'nps' END AS question,
    source,
    person_id,
    TRY_CAST(payload->>(CASE event_type WHEN 'case_closed' THEN 'csat' ELSE 'value' END) AS DECIMAL(18, 6)) AS score
  FROM told
  WHERE event_type = 'case_closed' OR (event_type = 'score_computed' AND (payload->>'score') = 'nps')
),

marks AS (
  SELECT *, CASE question
    WHEN 'csat' THEN CASE WHEN score BETWEEN 4 AND 5 THEN 1 WHEN score BETWEEN 1 AND 2 THEN -1 WHEN score BETWEEN 1 AND 5 THEN 0 END
    ELSE CASE WHEN score NOT BETWEEN 0 AND 10 OR score % 1 <> 0 THEN NULL WHEN score > 8 THEN 1 WHEN score < 7 THEN -1 ELSE 0 END
  END AS mark
  FROM said
  WHERE score IS NOT NULL
)

SELECT
  month,
  question,
  source,
  count(*) AS answers,
  count(person_id) AS known_answers,
  count(*) FILTER (mark = 1) AS positive,
  count(*) FILTER (mark = 0) AS neutral,
  count(*) FILTER (mark = -1) AS negative,
  sum(score)::DECIMAL(38, 4) AS score_sum,
  round(avg(score), 4)::DECIMAL(6, 4) AS average_score,
  CASE question WHEN 'nps' THEN round(100 * avg(mark), 2)::DECIMAL(6, 2) END AS net_promoter_score
FROM marks
WHERE mark IS NOT NULL
GROUP BY month, question, source
