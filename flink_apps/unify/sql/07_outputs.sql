INSERT INTO profile_changes (kind, op, @{profile_columns})
SELECT 'profile', op, @{profile_columns}
FROM profile_message;

INSERT INTO profile_changes (kind, op, person_id, @{event_columns}, @{consent_columns})
SELECT kind, CASE WHEN op = 'upsert' THEN 'upsert' ELSE 'delete' END, person_id, @{event_columns}, @{consent_columns}
FROM change
WHERE kind = 'event' OR (kind = 'consent' AND op <> 'before');

-- The lake keeps every version. A person who is gone gets a last row with nothing in it.
INSERT INTO @{profiles} (@{profile_columns})
SELECT @{profile_columns}
FROM profile_message;

INSERT INTO @{segment_membership} (person_id, segment, `member`, why, changed_at, identity_version)
SELECT person_id, segment, TRUE, @{reasons}[segment], computed_at, identity_version
FROM segment_step CROSS JOIN UNNEST(ARRAY_EXCEPT(segments, earlier)) AS entered (segment)
UNION ALL
SELECT person_id, segment, FALSE, @{reasons}[segment], computed_at, identity_version
FROM segment_step CROSS JOIN UNNEST(ARRAY_EXCEPT(earlier, segments)) AS left_behind (segment);
