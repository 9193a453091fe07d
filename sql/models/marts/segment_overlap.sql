-- How many members of a segment are in another one now; each pair both ways, also those that share nobody.
with sizes as (
  select
    segment,
    max(since) as changed_at,
    count(*) as members
  from {{ ref('segment_membership') }}
  group by segment
),

shared as (
  select
    a.segment,
    b.segment as other_segment,
    count(*) as members
  from {{ ref('segment_membership') }} as a
  inner join {{ ref('segment_membership') }} as b on a.person_id = b.person_id and a.segment <> b.segment
  group by a.segment, b.segment
)

select
  cast(max(a.changed_at) over () as date) as as_of,
  a.segment,
  b.segment as other_segment,
  a.members,
  b.members as other_members,
  coalesce(s.members, 0) as shared,
  cast(cast(coalesce(s.members, 0) as decimal(18, 6)) / a.members as decimal(7, 6)) as share_of_segment,
  cast(
    cast(coalesce(s.members, 0) as decimal(18, 6)) / (a.members + b.members - coalesce(s.members, 0)) as decimal(7, 6)
  ) as similarity
from sizes as a
inner join sizes as b on a.segment <> b.segment
left join shared as s on a.segment = s.segment and b.segment = s.other_segment
