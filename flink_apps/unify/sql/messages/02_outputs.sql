INSERT INTO profile_changes (kind, op, `sequence`, @{profile_columns})
SELECT 'profile', op, `sequence`, @{profile_columns}
FROM profile_message;

INSERT INTO profile_changes (kind, op, `sequence`, person_id, @{event_columns})
SELECT 'event', op, `sequence`, person_id, @{event_columns}
FROM timeline_step;

INSERT INTO profile_changes (kind, op, `sequence`, person_id, @{consent_columns})
SELECT kind, CASE WHEN op = 'upsert' THEN 'upsert' ELSE 'delete' END, `sequence`, person_id, @{consent_columns}
FROM change
WHERE kind = 'consent' OR (kind = 'address_consent' AND op = 'upsert');

-- The lake keeps every version. A deleted person gets a last, empty row.
INSERT INTO @{profiles} (@{profile_columns})
SELECT @{profile_columns}
FROM profile_message
WHERE op = 'upsert'
UNION ALL
SELECT @{nothing_left}
FROM profile_message
WHERE op = 'delete';

INSERT INTO @{segment_membership} (person_id, segment, `member`, why, changed_at, identity_version)
SELECT person_id, segment, ARRAY_CONTAINS(segments, segment), @{reasons}[segment], computed_at, identity_version
FROM segment_step CROSS JOIN UNNEST(ARRAY_UNION(segments, earlier)) AS mentioned (segment)
WHERE ARRAY_CONTAINS(segments, segment) <> ARRAY_CONTAINS(earlier, segment);
