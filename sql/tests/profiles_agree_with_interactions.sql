-- The stream job and these models add up the same interactions. While events are on their way the two may differ.
{{ config(severity='warn') }}
select
  p.person_id,
  p.spend as streamed,
  a.spend as added_up
from {{ ref('stg_profiles') }} as p
inner join {{ ref('person_activity') }} as a on p.person_id = a.person_id
where p.spend <> a.spend
