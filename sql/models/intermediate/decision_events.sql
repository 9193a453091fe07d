-- Decisions as they came in, under identifiers: a build reads what has arrived since the last one.
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
    customer_key,
    payload,
    cast(occurred_at as timestamp(6)) as decided_at,
    cast(received_at as timestamp(6)) as last_received_at,
    row_number() over (partition by source, event_id order by received_at) as delivery
  from {{ source('raw', 'interactions') }}
  where
    event_type = 'decision_made'
    and source is not null
    and event_id is not null
    {%- if is_incremental() %}
    and received_at >= {{ reread_from() }}
    {%- endif %}
)

select
  source,
  event_id,
  customer_key,
  decided_at,
  json_extract_scalar(payload, '$.decision_id') as decision_id,
  json_extract_scalar(payload, '$.trigger') as trigger_name,
  json_extract_scalar(payload, '$.action') as action,
  json_extract_scalar(payload, '$.channel') as channel,
  json_extract_scalar(payload, '$.template') as template,
  try_cast(json_extract(payload, '$.reasons') as array(varchar)) as reasons,
  last_received_at
from deliveries
where delivery = 1
