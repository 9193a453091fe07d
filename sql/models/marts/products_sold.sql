-- The articles that were ever bought or looked at: the lake has no other list of them.
select
  product_id,
  max_by(department, occurred_at) filter (where department is not null) as department,
  max(occurred_at) filter (where event_type = 'order_placed') as last_sold_at,
  count(*) as events
from {{ ref('product_events') }}
group by product_id
