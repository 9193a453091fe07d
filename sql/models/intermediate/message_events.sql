-- What became of each message as it came in, under identifiers: a build reads what has arrived since the last one.
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
    cast(occurred_at as timestamp(6)) as occurred_at,
    cast(received_at as timestamp(6)) as last_received_at,
    row_number() over (partition by source, event_id order by received_at, customer_key, event_type) as delivery
  from {{ source('raw', 'interactions') }}
  where
    event_type in ('message_sent', 'message_opened', 'message_clicked')
    and customer_key is not null
    and occurred_at is not null
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
  occurred_at,
  json_extract_scalar(payload, '$.message_id') as message_id,
  json_extract_scalar(payload, '$.channel') as channel,
  last_received_at
from deliveries
where delivery = 1
