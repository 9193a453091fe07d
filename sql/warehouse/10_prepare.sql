-- What the warehouse keeps, and the lake as it sees it. All of it can be loaded again from the lake.
CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_products
FROM DATA CATALOG DATABASE '${products}' IAM_ROLE default;

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_curated
FROM DATA CATALOG DATABASE '${curated}' IAM_ROLE default;

CREATE SCHEMA IF NOT EXISTS warehouse;

CREATE TABLE IF NOT EXISTS warehouse.dim_date (
  day DATE NOT NULL,
  year SMALLINT NOT NULL,
  quarter SMALLINT NOT NULL,
  month SMALLINT NOT NULL,
  week SMALLINT NOT NULL,
  weekday SMALLINT NOT NULL,
  is_weekend BOOLEAN NOT NULL,
  PRIMARY KEY (day)
) DISTSTYLE ALL SORTKEY (day);

CREATE TABLE IF NOT EXISTS warehouse.dim_person (
  person_id VARCHAR(64) NOT NULL,
  email_masked VARCHAR(400),
  phone_masked VARCHAR(64),
  language VARCHAR(64),
  time_zone VARCHAR(64),
  loyalty_tier VARCHAR(64),
  rfm_cell VARCHAR(8),
  record_count BIGINT NOT NULL,
  first_order_at TIMESTAMP,
  last_order_at TIMESTAMP,
  csat_average DECIMAL(4, 2),
  PRIMARY KEY (person_id)
) DISTKEY (person_id) SORTKEY (person_id);

CREATE TABLE IF NOT EXISTS warehouse.dim_product (
  product_id VARCHAR(256) NOT NULL,
  reviews BIGINT NOT NULL,
  rating_average DECIMAL(4, 2),
  bad_reviews BIGINT NOT NULL,
  PRIMARY KEY (product_id)
) DISTSTYLE ALL SORTKEY (product_id);

CREATE TABLE IF NOT EXISTS warehouse.bridge_segment (
  person_id VARCHAR(64) NOT NULL,
  segment VARCHAR(128) NOT NULL,
  since TIMESTAMP
) DISTKEY (person_id) SORTKEY (segment);

CREATE TABLE IF NOT EXISTS warehouse.bridge_person (
  customer_key VARCHAR(128) NOT NULL,
  person_id VARCHAR(64) NOT NULL,
  PRIMARY KEY (customer_key)
) DISTKEY (customer_key) SORTKEY (customer_key);

CREATE TABLE IF NOT EXISTS warehouse.fact_activity (
  customer_key VARCHAR(128) NOT NULL,
  day DATE NOT NULL,
  currency VARCHAR(3) NOT NULL,
  events BIGINT NOT NULL,
  orders BIGINT NOT NULL,
  returns BIGINT NOT NULL,
  amount DECIMAL(38, 2),
  ordered_amount DECIMAL(38, 2),
  visits BIGINT NOT NULL,
  cases_opened BIGINT NOT NULL,
  cases_closed BIGINT NOT NULL,
  last_received_at TIMESTAMP,
  PRIMARY KEY (customer_key, day, currency)
) DISTKEY (customer_key) SORTKEY (day);
