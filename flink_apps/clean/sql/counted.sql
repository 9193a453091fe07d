-- How often each event has arrived so far. The first arrival is the event, later ones are duplicates. Event ids are
-- unique within a source.
SELECT *, COUNT(*) OVER (
  PARTITION BY source, event_id ORDER BY arrived_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
) AS arrival
FROM visited
