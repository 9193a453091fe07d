SELECT person_id, day, source, event_type, count(*) AS events, min(occurred_at) AS first_at, max(occurred_at) AS last_at
FROM told
WHERE person_id IS NOT NULL AND (SELECT day FROM arrival) - day < 365
GROUP BY ALL
