-- Members of now. `since` is when the newest unbroken run of versions that have the segment began.
select
  p.person_id,
  m.segment,
  m.since
from {{ ref('profile_states') }} as p
inner join {{ ref('stg_persons') }} as c
  on p.person_id = c.person_id
cross join unnest(p.member_since) as m (segment, since)
