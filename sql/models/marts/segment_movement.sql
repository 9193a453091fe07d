-- Who entered and left each segment on each day, and how many members it had then: of the persons of now, so that somebody
-- who was forgotten is gone from the past, too. A change that changes nothing (profiles were rebuilt) is none.
with changes as (
  select
    s.person_id,
    s.segment,
    s.member,
    cast(cast(s.changed_at as timestamp(6)) as date) as day,
    lag(s.member, 1, false) over (
      partition by s.person_id, s.segment
      order by s.changed_at, s.identity_version, s.member
    ) as was_member
  from {{ source('curated', 'segment_membership') }} as s
  inner join {{ ref('stg_persons') }} as p on s.person_id = p.person_id
),

days as (
  select
    day,
    segment,
    count_if(member) as entered,
    count_if(not member) as departed
  from changes
  where member <> was_member
  group by day, segment
)

select
  day,
  segment,
  entered,
  departed,
  cast(sum(entered - departed) over (partition by segment order by day) as bigint) as members
from days
