SELECT
  zone,
  table_name,
  newest AS checked_at,
  count(*) FILTER (evaluated_at = newest) AS rules,
  count(*) FILTER (evaluated_at = newest AND outcome = 'failed') AS failed_rules,
  count(*) FILTER (evaluated_at = newest AND outcome = 'learning') AS learning_rules,
  max(measured) FILTER (evaluated_at = newest AND kind = 'volume')::BIGINT AS row_count,
  count(DISTINCT evaluated_at) AS checks_30_days,
  count(DISTINCT evaluated_at) FILTER (outcome = 'failed') AS failed_checks_30_days,
  max(evaluated_at) FILTER (outcome = 'failed') AS last_failed_at
FROM (SELECT *, max(evaluated_at) OVER (PARTITION BY zone, table_name) AS newest FROM quality_results)
WHERE evaluated_at > newest - INTERVAL 30 DAY
GROUP BY zone, table_name, newest
