-- What makes up each person of now: how many records of each source, and how many identifiers of each type. Neither the
-- key of a record nor an identifier is here.
select
  person_id,
  cast('record' as varchar) as kind,
  split_part(record_id, ':', 1) as name,
  count(distinct record_id) as number,
  cast(min(valid_from) as timestamp(6)) as since
from {{ source('curated', 'identity_map') }}
where valid_to is null
group by 1, 2, 3

union all

select
  person_id,
  cast('identifier' as varchar) as kind,
  split_part(identifier_key, ':', 1) as name,
  count(*) as number,
  cast(null as timestamp(6)) as since
from {{ source('curated', 'identifier_map') }}
group by 1, 2, 3
