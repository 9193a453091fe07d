-- The events of which marts need more than their number: orders, answers about consent, satisfaction, and what marketing
-- did and saw. Typed, without texts, each event of a source once, under identifiers. A build reads what has arrived
-- since the last one.
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
    amount,
    currency,
    order_id,
    session_start,
    payload,
    cast(occurred_at as timestamp(6)) as occurred_at,
    cast(received_at as timestamp(6)) as last_received_at,
    row_number() over (partition by source, event_id order by received_at, customer_key, event_type) as delivery
  from {{ source('raw', 'interactions') }}
  where
    customer_key is not null
    and occurred_at is not null
    and source is not null
    and event_id is not null
    {%- if is_incremental() %}
    and received_at >= {{ reread_from() }}
    {%- endif %}
),

typed as (
  select
    *,
    {{ event_channel('event_type', 'payload') }} as channel,
    {{ event_campaign('event_type', 'payload') }} as campaign
  from deliveries
  where
    delivery = 1
    and (event_type in {{ told_events() }} or coalesce(session_start, false))
)

select
  source,
  event_id,
  event_type,
  customer_key,
  occurred_at,
  cast(coalesce(currency, 'XXX') as varchar) as currency,
  cast(amount as decimal(38, 2)) as amount,
  order_id,
  channel,
  campaign,
  {{ event_variant('event_type', 'payload') }} as variant,
  {{ event_topic('event_type', 'payload') }} as topic,
  case when event_type = 'consent_changed' then json_extract_scalar(payload, '$.granted') = 'true' end as granted,
  {{ event_score('event_type', 'payload') }} as score,
  {{ touch_of('event_type', 'session_start', 'channel', 'campaign') }} as touch,
  last_received_at
from typed
