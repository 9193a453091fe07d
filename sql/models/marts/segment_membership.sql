-- Members of now. `since` is when the newest unbroken run of versions that have the segment began.
with memberships as (
  select
    h.person_id,
    s.segment,
    h.version_number,
    h.version_count,
    h.computed_at,
    h.version_number - row_number() over (
      partition by h.person_id, s.segment
      order by h.version_number
    ) as unbroken_run
  from {{ ref('stg_profile_history') }} as h
  cross join unnest(h.segments) as s (segment)
)

select
  person_id,
  segment,
  cast(min(computed_at) as timestamp(6)) as since
from memberships
group by person_id, segment, unbroken_run
having max(version_number) = max(version_count)
