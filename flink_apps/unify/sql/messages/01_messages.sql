-- The updates of that view as append-only messages: each is the whole new state, or a deletion. `before` is the old
-- state of an update: when a consent moves to another person, its old state may be newer than the one that remains.
-- Messages are numbered here, in the task that holds the state: up to here the changes of a profile, a consent and an
-- interaction are in order, and no stream guarantees to keep that order.

CREATE TEMPORARY VIEW change AS
SELECT *, next_sequence() AS `sequence`
FROM TO_CHANGELOG(
  input => TABLE @{person_updates},
  op => DESCRIPTOR(op),
  op_mapping => MAP['INSERT, UPDATE_AFTER', 'upsert', 'UPDATE_BEFORE', 'before', 'DELETE', 'delete'],
  produces_full_deletes => TRUE
);

CREATE TEMPORARY VIEW profile_message AS
SELECT
  CASE WHEN gone THEN 'delete' ELSE op END AS op,
  CURRENT_ROW_TIMESTAMP() AS computed_at,
  PROCTIME() AS changed,
  `sequence`,
  @{carried_columns}
FROM change
WHERE kind = 'profile' AND op <> 'before';

CREATE TEMPORARY VIEW segment_step AS
SELECT
  person_id, identity_version, computed_at, segments,
  COALESCE(LAG(segments) OVER (PARTITION BY person_id ORDER BY changed), @{no_segments}) AS earlier
FROM (
  SELECT
    person_id, identity_version, computed_at, changed,
    CASE WHEN op = 'upsert' THEN segments ELSE @{no_segments} END AS segments
  FROM profile_message
);

CREATE TEMPORARY VIEW live_interaction AS
SELECT customer_key, source, event_id, event_type, occurred_at, amount, currency, session_id
FROM interactions
WHERE replay_id IS NULL AND TIMESTAMPDIFF(DAY, occurred_at, CURRENT_ROW_TIMESTAMP()) <= @{oldest_entry_days};

-- Recent interactions take a separate path: each is one row, sent again when it moves to another person.
CREATE TEMPORARY VIEW timeline_step AS
SELECT
  op, next_sequence() AS `sequence`, COALESCE(person_id, @{anonymous_id}) AS person_id,
  event_id, event_type, occurred_at, source, amount, currency, session_id
FROM timeline_of_person(
  done => TABLE live_interaction PARTITION BY customer_key,
  word => TABLE identifier_word PARTITION BY `key`,
  keep_seconds => @{timeline_seconds}
);
