-- description: What was decided about one person and why, the newest first; silence included.
-- parameters: id of the person
SELECT decided_at, trigger_name, action, channel, template, reasons
FROM decisions
WHERE person_id = ?
ORDER BY decided_at DESC, decision_id ASC
