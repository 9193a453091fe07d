-- People of now. Who was merged into another or erased is no more; who is new comes in; the others are brought up to
-- date. Facts name the identifier and not the person, so that none of them changes by it.
CREATE TEMP TABLE new_key AS
SELECT
  m.identifier_key AS customer_key,
  m.person_id
FROM lake_curated.identifier_map AS m;

DELETE FROM warehouse.bridge_person
WHERE customer_key NOT IN (SELECT n.customer_key FROM new_key AS n);

MERGE INTO warehouse.bridge_person
USING new_key ON bridge_person.customer_key = new_key.customer_key
WHEN MATCHED THEN UPDATE SET person_id = new_key.person_id
WHEN NOT MATCHED THEN INSERT (customer_key, person_id) VALUES (new_key.customer_key, new_key.person_id);

CREATE TEMP TABLE new_person AS
SELECT
  c.person_id,
  c.email_masked,
  c.phone_masked,
  c.language,
  c.time_zone,
  c.loyalty_tier,
  c.rfm_cell,
  c.record_count,
  c.first_order_at,
  c.last_order_at,
  c.csat_average
FROM lake_products.customer_360 AS c;

DELETE FROM warehouse.dim_person
WHERE person_id NOT IN (SELECT n.person_id FROM new_person AS n);

MERGE INTO warehouse.dim_person
USING new_person ON dim_person.person_id = new_person.person_id
WHEN MATCHED THEN UPDATE SET
  email_masked = new_person.email_masked,
  phone_masked = new_person.phone_masked,
  language = new_person.language,
  time_zone = new_person.time_zone,
  loyalty_tier = new_person.loyalty_tier,
  rfm_cell = new_person.rfm_cell,
  record_count = new_person.record_count,
  first_order_at = new_person.first_order_at,
  last_order_at = new_person.last_order_at,
  csat_average = new_person.csat_average
WHEN NOT MATCHED THEN INSERT (
  person_id, email_masked, phone_masked, language, time_zone, loyalty_tier, rfm_cell, record_count,
  first_order_at, last_order_at, csat_average
) VALUES (
  new_person.person_id, new_person.email_masked, new_person.phone_masked, new_person.language, new_person.time_zone,
  new_person.loyalty_tier, new_person.rfm_cell, new_person.record_count,
  new_person.first_order_at, new_person.last_order_at, new_person.csat_average
);

DELETE FROM warehouse.bridge_segment;

INSERT INTO warehouse.bridge_segment
SELECT
  s.person_id,
  s.segment,
  s.since
FROM lake_products.segment_membership AS s;

CREATE TEMP TABLE new_product AS
SELECT
  r.product_id,
  r.reviews,
  r.rating_average,
  r.bad_reviews
FROM lake_products.product_ratings AS r;

DELETE FROM warehouse.dim_product
WHERE product_id NOT IN (SELECT n.product_id FROM new_product AS n);

MERGE INTO warehouse.dim_product
USING new_product ON dim_product.product_id = new_product.product_id
WHEN MATCHED THEN UPDATE SET
  reviews = new_product.reviews,
  rating_average = new_product.rating_average,
  bad_reviews = new_product.bad_reviews
WHEN NOT MATCHED THEN INSERT (product_id, reviews, rating_average, bad_reviews)
VALUES (new_product.product_id, new_product.reviews, new_product.rating_average, new_product.bad_reviews);
