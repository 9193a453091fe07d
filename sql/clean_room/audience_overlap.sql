-- How many people of the partner's audience are customers, by campaign.
SELECT
  a.campaign,
  COUNT(DISTINCT p.email_sha256) AS customers
FROM audience AS a
INNER JOIN people AS p ON a.email_sha256 = p.email_sha256
GROUP BY a.campaign
