-- What each known person did on each day of the last year, by source and type, to look at one of them. Counted by day, it
-- grows with people and days and not with events; what an event says in detail is in the single view.
with arrival as (
  select cast(max({{ arrived('last_received_at') }}) as date) as as_of from {{ ref('events_by_key_day') }}
)

select
  m.person_id,
  d.occurred_on as day,
  d.source,
  d.event_type,
  cast(sum(d.events) as bigint) as events,
  min(d.first_at) as first_at,
  max(d.last_at) as last_at
from {{ ref('events_by_key_day') }} as d
inner join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
cross join arrival as n
where d.occurred_on > date_add('day', -{{ var('timeline_days') }}, n.as_of)
group by m.person_id, d.occurred_on, d.source, d.event_type
