-- The updates of that view as append-only messages: each is the whole new state, or says that it is gone. `before` is
-- the old state of an update; only an event may there belong to somebody else than in the new one.

CREATE TEMPORARY VIEW change AS
SELECT *, op = 'upsert' AND NOT COALESCE(gone, FALSE) AS alive
FROM TO_CHANGELOG(
  input => TABLE @{person_updates},
  op => DESCRIPTOR(op),
  op_mapping => MAP['INSERT, UPDATE_AFTER', 'upsert', 'UPDATE_BEFORE', 'before', 'DELETE', 'delete'],
  produces_full_deletes => TRUE
);

-- Of a profile that is gone nothing is told but that.
CREATE TEMPORARY VIEW profile_message AS
SELECT
  CASE WHEN alive THEN 'upsert' ELSE 'delete' END AS op,
  person_id,
  identity_version,
  CASE WHEN alive THEN event_count ELSE 0 END AS event_count,
  CURRENT_ROW_TIMESTAMP() AS computed_at,
@{attributes_of_the_living},
  CASE WHEN alive THEN segments ELSE @{no_segments} END AS segments,
  PROCTIME() AS changed
FROM change
WHERE kind = 'profile' AND op <> 'before';

CREATE TEMPORARY VIEW segment_step AS
SELECT
  person_id, identity_version, computed_at, segments,
  COALESCE(LAG(segments) OVER (PARTITION BY person_id ORDER BY changed), @{no_segments}) AS earlier
FROM profile_message;
