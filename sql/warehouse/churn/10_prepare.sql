-- What the model says of each customer, and what it said of those whose answer is known. Each load leaves out who is gone.
CREATE TABLE IF NOT EXISTS warehouse.churn_score (
  person_id VARCHAR(64) NOT NULL,
  cut_on DATE NOT NULL,
  score DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (person_id)
) DISTKEY (person_id) SORTKEY (person_id);

CREATE TABLE IF NOT EXISTS warehouse.churn_quality (
  cut_on DATE NOT NULL,
  people BIGINT NOT NULL,
  churned BIGINT NOT NULL,
  foretold BIGINT NOT NULL,
  foretold_rightly BIGINT NOT NULL,
  told_rightly BIGINT NOT NULL,
  PRIMARY KEY (cut_on)
) DISTSTYLE ALL SORTKEY (cut_on);

DELETE FROM warehouse.churn_score
WHERE person_id NOT IN (SELECT p.person_id FROM warehouse.dim_person AS p);
