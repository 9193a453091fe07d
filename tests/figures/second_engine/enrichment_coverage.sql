SELECT
  p.product,
  p.attribution,
  DATE '2036-01-01' AS licence_ends,
  (SELECT count(DISTINCT person_id) FROM said AS s WHERE s.product = p.product) AS people
FROM (VALUES
  ('advertising_audiences', 'Audiences by Example Advertising Network.'),
  ('credit_bands', 'Credit bands by Example Credit Bureau.'),
  ('demographics', 'Household facts by Example Household Data.')
) AS p (product, attribution)
