-- Persons as of now: whoever a record belongs to. A person that was merged away or erased has no current record.
select distinct person_id
from {{ source('curated', 'identity_map') }}
where valid_to is null
