-- The valid records of the two streams, each once.

CREATE TEMPORARY VIEW interactions AS
SELECT @{interaction_columns}
FROM interaction
WHERE finding IS NULL;

CREATE TEMPORARY VIEW identity_changes AS
SELECT @{identity_change_columns}
FROM identity_change
WHERE finding IS NULL;

CREATE TEMPORARY VIEW identifier_word AS
SELECT `key`, op, person_id, version
FROM identity_changes
WHERE kind = 'identifier';
