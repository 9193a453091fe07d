-- What was known of each customer and one department at the beginning of a month, and whether they bought of it in that
-- month: what the chances of offers are learned from. The departments are those of which most people buy. Nothing that
-- happened on or after `cut_on` is in a feature.
with bought as (
  select
    m.person_id,
    e.department,
    cast(date_trunc('month', e.occurred_at) as date) as month,
    count(distinct case when e.event_type = 'order_placed' then e.source || ':' || e.event_id end) as orders,
    count(distinct case when e.event_type = 'product_viewed' then e.source || ':' || e.event_id end) as views,
    max(case when e.event_type = 'order_placed' then cast(e.occurred_at as date) end) as last_order_on
  from {{ ref('product_events') }} as e
  inner join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
  where e.department is not null
  group by m.person_id, e.department, date_trunc('month', e.occurred_at)
),

popularity as (
  select
    department,
    row_number() over (order by count(distinct person_id) desc, department asc) as place
  from bought
  where orders > 0
  group by department
),

people as (
  select
    f.*,
    d.department
  from {{ ref('churn_features') }} as f
  cross join popularity as d
  where d.place <= {{ var('offer_departments') }}
),

before as (
  select
    p.person_id,
    p.cut_on,
    p.department,
    sum(case when b.month >= date_add('month', -3, p.cut_on) then b.orders else 0 end) as orders_3,
    sum(b.orders) as orders_12,
    sum(case when b.month >= date_add('month', -3, p.cut_on) then b.views else 0 end) as views_3,
    max(b.last_order_on) as last_order_on
  from people as p
  inner join bought as b on p.person_id = b.person_id and p.department = b.department
  where b.month < p.cut_on and b.month >= date_add('month', -12, p.cut_on)
  group by p.person_id, p.cut_on, p.department
),

-- The newest month that is over; the one after it is still going on.
newest as (
  select cast(max(last_order_at) as date) as as_of
  from {{ ref('person_activity') }}
)

select
  p.person_id,
  p.cut_on,
  p.department,
  p.currency,
  p.tenure_days,
  p.recency_days,
  p.orders_3_months,
  p.orders_12_months,
  p.spend_3_months,
  p.spend_12_months,
  p.visits_3_months,
  p.product_views_3_months,
  cast(coalesce(b.orders_3, 0) as bigint) as orders_of_department_3_months,
  cast(coalesce(b.orders_12, 0) as bigint) as orders_of_department_12_months,
  cast(coalesce(b.views_3, 0) as bigint) as product_views_of_department_3_months,
  date_diff('day', b.last_order_on, p.cut_on) as department_recency_days,
  -- The label is known only when the month is over.
  case
    when date_add('month', 1, p.cut_on) <= date_add('day', 1, n.as_of) then coalesce(a.orders, 0) > 0
  end as bought_next_month
from people as p
cross join newest as n
left join before as b on p.person_id = b.person_id and p.cut_on = b.cut_on and p.department = b.department
left join bought as a on p.person_id = a.person_id and p.cut_on = a.month and p.department = a.department
