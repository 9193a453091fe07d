-- By which keys bought data finds the persons of now: those of all of their records.
select distinct
  m.person_id,
  r.person_key,
  r.household_key,
  r.postal_code as postal_code_key
from {{ source('curated', 'identity_map') }} as m
inner join {{ source('curated', 'identity_records') }} as r on m.record_id = r.record_id
where m.valid_to is null
