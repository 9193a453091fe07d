-- Every interaction cut down to what profiles are made of, added up by the identifier that it carries, and given to the
-- person whose identifier that is now. Interactions only ever add to what there is, so that a profile never dips between
-- two states; an identity change takes the sums of an identifier from one person and gives them to another.

-- What an interaction adds is said by the contract of profiles, column by column.
CREATE TEMPORARY VIEW contribution AS
SELECT customer_key, @{additions}
FROM (
  SELECT *, replay_id IS NULL AS live
  FROM interactions
);

CREATE TEMPORARY VIEW addition AS
SELECT customer_key, @{packed_sums}
FROM contribution;

CREATE TEMPORARY VIEW identifier_sum_given AS
SELECT COALESCE(person_id, @{anonymous_id}) AS person_id, customer_key, @{sum_columns}
FROM sums_of_person(
  done => TABLE addition PARTITION BY customer_key,
  word => TABLE identifier_word PARTITION BY `key`
);
