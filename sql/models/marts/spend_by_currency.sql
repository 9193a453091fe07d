-- Amounts of two currencies make no sum, so each person has a row per currency. The main one is that of most orders.
with spend as (
  select
    m.person_id,
    d.currency,
    sum(d.orders) as orders,
    sum(d.returns) as returns,
    coalesce(sum(d.amount), cast(0 as decimal(38, 2))) as spend,
    sum(d.ordered_amount) as ordered_amount,
    min(d.first_order_at) as first_order_at,
    max(d.last_order_at) as last_order_at,
    min(d.first_event_at) as first_event_at
  from {{ ref('interactions_by_key_day') }} as d
  inner join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
  where d.orders > 0 or d.returns > 0 or d.amount is not null
  group by m.person_id, d.currency
)

select
  person_id,
  currency,
  cast(orders as bigint) as orders,
  cast(returns as bigint) as returns,
  cast(spend as decimal(38, 2)) as spend,
  cast(ordered_amount as decimal(38, 2)) as ordered_amount,
  cast(ordered_amount / nullif(orders, 0) as decimal(38, 2)) as average_basket,
  first_order_at,
  last_order_at,
  first_event_at,
  row_number() over (
    partition by person_id
    order by currency = 'XXX', orders desc, last_order_at desc nulls last, currency
  ) = 1 as is_main
from spend
