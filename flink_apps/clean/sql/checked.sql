-- Every record once, as the packed answer of the Python function: a valid event, or the reason of a rejection. It stays
-- packed until it is written; `text_of` reads what each step needs.
SELECT arrived_at, clean_event(body) AS event
FROM @{source}
