-- Which articles were bought and looked at, one row an event and article; lines of an order with the same article are
-- one. A build reads what has arrived since the last one.
{{
  config(
    unique_key=['source', 'event_id', 'product_id'],
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
    event_type in ('order_placed', 'product_viewed')
    and customer_key is not null
    and occurred_at is not null
    and source is not null
    and event_id is not null
    {%- if is_incremental() %}
    and received_at >= {{ reread_from() }}
    {%- endif %}
),

articles as (
  select
    d.source,
    d.event_id,
    d.event_type,
    d.customer_key,
    d.occurred_at,
    d.last_received_at,
    json_extract_scalar(d.payload, '$.store_id') is not null as is_in_store,
    json_extract_scalar(a.article, '$.product_id') as product_id,
    json_extract_scalar(a.article, '$.department') as department
  from deliveries as d
  cross join unnest(
    case
      when d.event_type = 'product_viewed' then array[json_parse(d.payload)]
      else try_cast(json_extract(d.payload, '$.lines') as array(json))
    end
  ) as a (article)
  where d.delivery = 1
)

select
  source,
  event_id,
  product_id,
  event_type,
  arbitrary(customer_key) as customer_key,
  arbitrary(occurred_at) as occurred_at,
  arbitrary(is_in_store) as is_in_store,
  max(department) as department,
  max(last_received_at) as last_received_at
from articles
where product_id is not null
group by source, event_id, product_id, event_type
