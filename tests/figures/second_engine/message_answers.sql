-- Each message of people of now that was sent a day before the newest news of any message, with its first answer.
WITH messages AS (
  SELECT person_id, (payload->>'message_id') AS message_id, (payload->>'channel') AS channel, event_type, occurred_at
  FROM told
  WHERE event_type IN ('message_sent', 'message_opened', 'message_clicked')
),

known AS (
  SELECT * FROM messages
  WHERE person_id IN (FROM people) AND message_id IS NOT NULL AND channel IS NOT NULL
),

sent AS (
  SELECT person_id, message_id, arg_min(channel, occurred_at) AS channel, min(occurred_at) AS sent_at
  FROM known
  WHERE event_type = 'message_sent'
  GROUP BY ALL
),

newest AS (
  SELECT max(received_at) AS at FROM events
  WHERE event_type IN ('message_sent', 'message_opened', 'message_clicked')
)

SELECT
  s.person_id,
  s.message_id,
  s.channel,
  s.sent_at,
  (
    SELECT min(k.occurred_at) FROM known AS k
    WHERE k.person_id = s.person_id AND k.message_id = s.message_id AND k.event_type <> 'message_sent'
      AND k.occurred_at >= s.sent_at AND k.occurred_at < s.sent_at + INTERVAL 24 HOUR
  ) AS answered_at,
  p.time_zone
FROM sent AS s
CROSS JOIN newest AS n
LEFT JOIN newest_profiles AS p USING (person_id)
WHERE s.sent_at <= n.at - INTERVAL 24 HOUR
