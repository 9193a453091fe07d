-- The newest version of each profile, masked, and since when it has been in which segment without interruption. A build
-- goes on from there with the versions that were computed since; the versions before are not read again.
{{ config(unique_key='person_id') }}
with news as (
  select
    p.person_id,
    p.identity_version,
    p.event_count,
    {{ profile_columns_of_lake('p') }},
    p.segments,
    cast(null as map(varchar, timestamp(6))) as member_since,
    cast(p.computed_at as timestamp(6)) as computed_at
  from {{ source('curated', 'profiles') }} as p
  {%- if is_incremental() %}
  left join {{ this }} as k on p.person_id = k.person_id
  where
    p.computed_at >= {{ reread_from('computed_at') }}
    and (
      k.person_id is null
      or p.identity_version > k.identity_version
      or (p.identity_version = k.identity_version and cast(p.computed_at as timestamp(6)) > k.computed_at)
    )
  {%- endif %}
),

versions as (
  select * from news
  {%- if is_incremental() %}
  union all
  select
    k.person_id,
    k.identity_version,
    k.event_count,
    {{ profile_columns('k') }},
    map_keys(k.member_since) as segments,
    k.member_since,
    k.computed_at
  from {{ this }} as k
  where k.person_id in (select n.person_id from news as n)
  {%- endif %}
),

numbered as (
  select
    *,
    row_number() over (
      partition by person_id
      order by identity_version, computed_at, event_count
    ) as version_number,
    count(*) over (partition by person_id) as version_count
  from versions
),

memberships as (
  select
    n.person_id,
    s.segment,
    n.version_number,
    n.version_count,
    coalesce(element_at(n.member_since, s.segment), n.computed_at) as entered_at,
    n.version_number - row_number() over (
      partition by n.person_id, s.segment
      order by n.version_number
    ) as unbroken_run
  from numbered as n
  cross join unnest(n.segments) as s (segment)
),

standing as (
  select
    person_id,
    segment,
    min(entered_at) as since
  from memberships
  group by person_id, segment, unbroken_run
  having max(version_number) = max(version_count)
),

kept as (
  select
    person_id,
    map_agg(segment, since) as member_since
  from standing
  group by person_id
)

select
  n.person_id,
  n.identity_version,
  n.event_count,
  {{ profile_columns('n') }},
  coalesce(k.member_since, cast(map() as map(varchar, timestamp(6)))) as member_since,
  n.computed_at
from numbered as n
left join kept as k on n.person_id = k.person_id
where n.version_number = n.version_count
