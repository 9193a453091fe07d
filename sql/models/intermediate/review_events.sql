-- What happened to reviews and mentions, without their texts: a build reads what has arrived since the last one. A text
-- without an id stands for itself.
{{
  config(
    unique_key=['source', 'event_id'],
    update_condition='src.last_received_at < target.last_received_at',
  )
}}
with deliveries as (
  select
    source,
    event_id,
    event_type,
    customer_key,
    payload,
    {{ text_kind('event_type') }} as kind,
    {{ text_id('event_type', 'payload', 'event_id') }} as text_id,
    cast(occurred_at as timestamp(6)) as told_at,
    cast(received_at as timestamp(6)) as last_received_at,
    row_number() over (partition by source, event_id order by received_at) as delivery
  from {{ source('raw', 'interactions') }}
  where
    event_type in {{ text_events() }}
    and source is not null
    and event_id is not null
    {%- if is_incremental() %}
    and received_at >= {{ reread_from() }}
    {%- endif %}
)

select
  source,
  event_id,
  event_type,
  customer_key,
  kind,
  text_id,
  json_extract_scalar(payload, '$.product_id') as product_id,
  try_cast(json_extract_scalar(payload, '$.rating') as integer) as rating,
  told_at,
  last_received_at
from deliveries
where delivery = 1
