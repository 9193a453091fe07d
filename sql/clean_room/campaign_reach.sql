-- How many customers a campaign of the partner reached, and how often, by tier of the loyalty programme.
SELECT
  p.loyalty_tier,
  COUNT(DISTINCT p.email_sha256) AS customers,
  COUNT(a.seen_on) AS contacts
FROM audience AS a
INNER JOIN people AS p ON a.email_sha256 = p.email_sha256
WHERE a.campaign = :campaign
GROUP BY p.loyalty_tier
