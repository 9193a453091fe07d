-- description: Customers with one main currency whose last order is so many days ago or more; highest spend first.
-- parameters: currency, days
SELECT person_id, last_order_on, recency_days, orders, spend, average_basket
FROM customer_lifetime
WHERE currency = ? AND recency_days >= ?
ORDER BY spend DESC, person_id ASC
