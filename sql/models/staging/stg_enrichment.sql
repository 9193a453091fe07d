-- What bought products say now of the persons of now, by the key that joined them. A product whose licence has ended says
-- nothing any more.
select distinct
  k.person_id,
  'demographics' as product,
  'person' as joined_by,
  d.age_band as said
from {{ source('curated', 'reference_demographics') }} as d
inner join {{ ref('stg_person_keys') }} as k on d.person_key = k.person_key
where d.is_current and {{ licensed('demographics') }}

union all

select distinct
  k.person_id,
  'credit_bands' as product,
  'household' as joined_by,
  c.credit_band as said
from {{ source('curated', 'reference_credit_bands') }} as c
inner join {{ ref('stg_person_keys') }} as k on c.household_key = k.household_key
where c.is_current and {{ licensed('credit_bands') }}

union all

select distinct
  k.person_id,
  'advertising_audiences' as product,
  'postal_code' as joined_by,
  a.audience as said
from {{ source('curated', 'reference_advertising_audiences') }} as a
inner join {{ ref('stg_person_keys') }} as k on a.postal_code_key = k.postal_code_key
where a.is_current and a.audience <> 'none' and {{ licensed('advertising_audiences') }}
