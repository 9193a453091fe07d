-- Interactions under the person of now. A merge or an unmerge changes the map, never the interactions.
with numbered as (
  select
    *,
    -- Each source numbers its own events: the web shop's 1001 is not the till's.
    row_number() over (partition by source, event_id order by received_at) as delivery
  from {{ source('raw', 'interactions') }}
)

select
  i.event_id,
  i.event_type,
  i.source,
  cast(i.occurred_at as timestamp(6)) as occurred_at,
  cast(i.received_at as timestamp(6)) as received_at,
  i.replay_id,
  i.customer_key,
  {{ person_of('i.customer_key', 'm.person_id') }} as person_id,
  m.person_id is not null as is_known,
  i.session_id,
  i.session_start,
  i.order_id,
  i.amount,
  i.currency,
  -- Texts that people may take back are in stg_reviews, which shows only what still stands.
  case when i.event_type in {{ text_events() }} then '{}' else i.payload end as payload
from numbered as i
left join {{ source('curated', 'identifier_map') }} as m
  on i.customer_key = m.identifier_key
-- A history that is loaded a second time comes under the same ids.
where i.delivery = 1
