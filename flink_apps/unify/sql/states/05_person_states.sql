-- All states of people as one updating view. Operators up to here run in small batches.

CREATE TEMPORARY VIEW @{person_states} AS
SELECT @{profile_state} FROM profile
UNION ALL
SELECT @{consent_state} FROM consent
UNION ALL
SELECT @{address_consent_state} FROM address_consent
UNION ALL
SELECT @{rejected_state} FROM unreadable;
