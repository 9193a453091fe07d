-- What happened on each day, by source and type, of everybody: known persons, and customers whom nobody knows.
select
  d.occurred_on as day,
  d.source,
  d.event_type,
  cast(sum(d.events) as bigint) as events,
  cast(sum(case when m.person_id is not null then d.events else 0 end) as bigint) as known_events,
  cast(sum(d.late_events) as bigint) as late_events,
  count(distinct {{ person_of('d.customer_key', 'm.person_id') }}) as people,
  count(distinct m.person_id) as known_people
from {{ ref('events_by_key_day') }} as d
left join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
group by d.occurred_on, d.source, d.event_type
