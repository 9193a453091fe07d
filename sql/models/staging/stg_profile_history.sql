-- Profiles of the persons of now, every version, oldest first. Views hold no times with a zone: UTC without saying so.
select
  p.person_id,
  p.identity_version,
  p.event_count,
  cast(p.computed_at as timestamp(6)) as computed_at,
  p.first_name,
  p.last_name,
  p.email,
  p.phone,
  p.state,
  p.language,
  p.time_zone,
  p.record_count,
  p.spend,
  p.loyalty_points,
  p.loyalty_tier,
  p.segments,
  row_number() over (
    partition by p.person_id
    order by p.identity_version, p.event_count, p.computed_at
  ) as version_number,
  count(*) over (partition by p.person_id) as version_count
from {{ source('curated', 'profiles') }} as p
inner join {{ ref('stg_persons') }} as c
  on p.person_id = c.person_id
