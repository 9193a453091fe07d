-- How well each source's records and interactions are known to belong to a person, as the map says now.
with records as (
  select
    record_id,
    split_part(record_id, ':', 1) as source,
    max(case when valid_to is null then person_id end) as person_id,
    count_if(valid_to is not null) > 0 as was_moved
  from {{ source('curated', 'identity_map') }}
  group by record_id
),

people as (
  select
    person_id,
    count(*) as records,
    count(distinct source) as sources
  from records
  where person_id is not null
  group by person_id
),

of_records as (
  select
    r.source,
    count(p.person_id) as records,
    count(distinct p.person_id) as people,
    count(distinct case when p.sources > 1 then p.person_id end) as joined_people,
    count(distinct case when p.records = 1 then p.person_id end) as single_people,
    max(p.records) as largest_person,
    count_if(r.was_moved and r.person_id is not null) as moved_records,
    count_if(r.person_id is null) as closed_records
  from records as r
  left join people as p on r.person_id = p.person_id
  group by r.source
),

of_events as (
  select
    d.source,
    sum(d.events) as events,
    sum(case when m.person_id is not null then d.events else 0 end) as known_events,
    count(distinct d.customer_key) as customer_keys,
    count(distinct case when m.person_id is not null then d.customer_key end) as known_keys,
    max({{ arrived('d.last_received_at') }}) as arrived_at
  from {{ ref('events_by_key_day') }} as d
  left join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
  group by d.source
)

select
  cast(max(e.arrived_at) over () as date) as as_of,
  coalesce(r.source, e.source) as source,
  coalesce(r.records, 0) as records,
  coalesce(r.people, 0) as people,
  coalesce(r.joined_people, 0) as joined_people,
  coalesce(r.single_people, 0) as single_people,
  r.largest_person,
  coalesce(r.moved_records, 0) as moved_records,
  coalesce(r.closed_records, 0) as closed_records,
  cast(coalesce(e.events, 0) as bigint) as events,
  cast(coalesce(e.known_events, 0) as bigint) as known_events,
  coalesce(e.customer_keys, 0) as customer_keys,
  coalesce(e.known_keys, 0) as known_keys
from of_records as r
full outer join of_events as e on r.source = e.source
