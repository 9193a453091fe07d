-- description: What an experiment or a message changed, for each of its variants.
-- parameters: name of the experiment or of the template
SELECT *
FROM lift
WHERE name = ?
ORDER BY kind, variant
