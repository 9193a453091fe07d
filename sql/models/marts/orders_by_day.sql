-- Orders and returns of each day, by source and currency: what the shop took, of everybody, and how much of it is of
-- people whom we know. Amounts of two currencies make no sum.
with orders as (
  select
    e.*,
    m.person_id,
    cast(e.occurred_at as date) as day,
    e.event_type = 'order_placed' as is_order,
    -- The first order of a person of now, in whatever currency and source.
    row_number() over (
      partition by m.person_id
      order by e.event_type, e.occurred_at, e.source, e.event_id
    ) = 1 as is_first
  from {{ ref('customer_events') }} as e
  left join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
  where e.event_type in ('order_placed', 'order_returned')
)

select
  day,
  source,
  currency,
  count_if(is_order) as orders,
  count_if(not is_order) as returns,
  cast(coalesce(sum(case when is_order then amount end), 0) as decimal(38, 2)) as ordered_amount,
  cast(coalesce(sum(case when not is_order then -amount end), 0) as decimal(38, 2)) as returned_amount,
  cast(coalesce(sum(amount), 0) as decimal(38, 2)) as net_amount,
  count_if(is_order and person_id is not null) as known_orders,
  cast(coalesce(sum(case when person_id is not null then amount end), 0) as decimal(38, 2)) as known_net_amount,
  count(distinct case when is_order then person_id end) as buyers,
  count_if(is_order and is_first and person_id is not null) as new_buyers
from orders
group by day, source, currency
