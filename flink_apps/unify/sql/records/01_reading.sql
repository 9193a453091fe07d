-- The records of the two streams, taken apart: each one is one row, readable or not.

CREATE TEMPORARY VIEW interaction_reading AS
SELECT r.*
FROM interaction_records CROSS JOIN LATERAL TABLE(read_record(body, @{interaction_type})) AS r;

CREATE TEMPORARY VIEW identity_change_reading AS
SELECT r.*
FROM identity_change_records CROSS JOIN LATERAL TABLE(read_record(body, @{identity_change_type})) AS r;
