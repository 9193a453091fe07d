-- name: Decisions by reason
-- description: What was decided on each day and why, silence included.
SELECT
  cast(d.decided_at AS date) AS decided_on,
  d.trigger_name,
  d.action,
  r.reason,
  count(*) AS decisions
FROM decisions AS d
CROSS JOIN unnest(d.reasons) AS r (reason)
GROUP BY cast(d.decided_at AS date), d.trigger_name, d.action, r.reason
ORDER BY decided_on DESC, decisions DESC
