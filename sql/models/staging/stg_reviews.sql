-- Reviews and mentions as they are now: the newest event about a text counts by its own time, whatever came first, and
-- a deletion leaves nothing. What earlier events said is nobody's to read. A text without an id stands for itself.
with told as (
  select
    source,
    event_id,
    event_type,
    customer_key,
    payload,
    cast(occurred_at as timestamp(6)) as occurred_at,
    {{ text_kind('event_type') }} as kind,
    {{ text_id('event_type', 'payload', 'event_id') }} as text_id
  from {{ source('raw', 'interactions') }}
  where event_type in {{ text_events() }}
),

numbered as (
  select
    *,
    min(occurred_at) over (partition by source, kind, text_id) as written_at,
    row_number() over (
      partition by source, kind, text_id
      order by occurred_at desc, if(event_type in {{ text_ends() }}, 0, 1), event_id desc
    ) as recency
  from told
)

select
  n.source,
  n.kind,
  n.text_id,
  {{ person_of('n.customer_key', 'm.person_id') }} as person_id,
  json_extract_scalar(n.payload, '$.product_id') as product_id,
  json_extract_scalar(n.payload, '$.network') as network,
  try_cast(json_extract_scalar(n.payload, '$.rating') as integer) as rating,
  json_extract_scalar(n.payload, '$.text') as text,
  n.written_at,
  n.occurred_at as changed_at
from numbered as n
left join {{ source('curated', 'identifier_map') }} as m on n.customer_key = m.identifier_key
where n.recency = 1 and n.event_type not in {{ text_ends() }}
