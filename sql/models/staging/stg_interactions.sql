-- Interactions under the person of now. A merge or an unmerge changes the map, never the interactions.
with numbered as (
  select
    *,
    -- An event's id says which event it is. Its type is named, too, because what is asked of a part of the types is
    -- then asked of the files: only those rows are read and numbered.
    row_number() over (partition by event_type, event_id order by received_at) as delivery
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
  -- An unknown customer is a person of its own until stitched, under the id that the stream job gives it.
  coalesce(m.person_id, 'a_' || substr(split_part(i.customer_key, ':', 2), 1, 26)) as person_id,
  m.person_id is not null as is_known,
  i.session_id,
  i.session_start,
  i.order_id,
  i.amount,
  i.currency,
  i.payload
from numbered as i
left join {{ source('curated', 'identifier_map') }} as m
  on i.customer_key = m.identifier_key
-- A history that is loaded a second time comes under the same ids.
where i.delivery = 1
