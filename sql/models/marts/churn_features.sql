-- What was known of each customer at the beginning of a month, and what they ordered in the months after: for training
-- (the two labels are known) and for scoring (the newest cut). Nothing that happened on or after `cut_on` is in a feature,
-- the main currency included; the labels look at nothing before it.
{%- set window = var('churn_months') %}
with person_months as (
  select
    m.person_id,
    cast(date_trunc('month', d.occurred_on) as date) as month,
    d.currency,
    sum(d.orders) as orders,
    sum(d.returns) as returns,
    sum(d.amount) as amount,
    sum(d.visits) as visits,
    sum(d.cases_opened) as cases_opened,
    sum(d.csat_sum) as csat_sum,
    sum(d.csat_count) as csat_count,
    min(case when d.orders > 0 then d.occurred_on end) as first_order_on,
    max(case when d.orders > 0 then d.occurred_on end) as last_order_on
  from {{ ref('interactions_by_key_day') }} as d
  inner join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
  group by 1, 2, 3
),

cuts as (
  select
    c.cut_on,
    n.as_of
  from (select cast(max(last_order_at) as date) as as_of from {{ ref('person_activity') }}) as n
  cross join unnest(
    sequence(
      date_add('month', -{{ var('churn_cuts') - 1 }}, date_trunc('month', n.as_of)),
      date_trunc('month', n.as_of),
      interval '1' month
    )
  ) as c (cut_on)
),

by_currency as (
  select
    c.cut_on,
    p.person_id,
    p.currency,
    sum(p.orders) as orders,
    sum(p.returns) as returns,
    coalesce(sum(p.amount), 0) as spend,
    coalesce(sum(case when p.month >= date_add('month', -{{ window }}, c.cut_on) then p.amount end), 0) as spend_3,
    coalesce(sum(case when p.month >= date_add('month', -12, c.cut_on) then p.amount end), 0) as spend_12,
    sum(case when p.month >= date_add('month', -{{ window }}, c.cut_on) then p.orders else 0 end) as orders_3,
    sum(case when p.month >= date_add('month', -12, c.cut_on) then p.orders else 0 end) as orders_12,
    sum(case when p.month >= date_add('month', -{{ window }}, c.cut_on) then p.visits else 0 end) as visits_3,
    sum(case when p.month >= date_add('month', -12, c.cut_on) then p.cases_opened else 0 end) as cases_12,
    sum(case when p.month >= date_add('month', -12, c.cut_on) then p.csat_sum end) as csat_sum_12,
    sum(case when p.month >= date_add('month', -12, c.cut_on) then p.csat_count end) as csat_count_12,
    min(p.first_order_on) as first_order_on,
    max(p.last_order_on) as last_order_on
  from cuts as c
  inner join person_months as p on p.month < c.cut_on
  group by c.cut_on, p.person_id, p.currency
),

placed as (
  select
    *,
    row_number() over (
      partition by cut_on, person_id
      order by currency = 'XXX', orders desc, last_order_on desc nulls last, currency
    ) = 1 as is_main
  from by_currency
),

people as (
  select
    cut_on,
    person_id,
    max(case when is_main then nullif(currency, 'XXX') end) as currency,
    max(case when is_main then currency end) as label_currency,
    sum(orders) as orders,
    sum(returns) as returns,
    sum(case when is_main then spend end) as spend,
    sum(case when is_main then spend_3 end) as spend_3,
    sum(case when is_main then spend_12 end) as spend_12,
    sum(orders_3) as orders_3,
    sum(orders_12) as orders_12,
    sum(visits_3) as visits_3,
    sum(cases_12) as cases_12,
    sum(csat_sum_12) / nullif(sum(csat_count_12), 0) as csat_12,
    min(first_order_on) as first_order_on,
    max(last_order_on) as last_order_on
  from placed
  group by cut_on, person_id
  having sum(orders_12) > 0
),

behaviour as (
  select
    c.cut_on,
    m.person_id,
    sum(case when d.event_type = 'product_viewed' then d.events else 0 end) as product_views,
    sum(d.baskets) as baskets,
    sum(case when d.event_type in ('message_opened', 'message_clicked') then d.events else 0 end) as messages_read
  from cuts as c
  inner join {{ ref('events_by_key_day') }} as d
    on d.occurred_on < c.cut_on and d.occurred_on >= date_add('month', -{{ window }}, c.cut_on)
  inner join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
  where d.event_type in ('product_viewed', 'cart_updated', 'message_opened', 'message_clicked')
  group by c.cut_on, m.person_id
),

later as (
  select
    c.cut_on,
    p.person_id,
    sum(p.orders) as orders,
    sum(case when p.currency = b.label_currency then p.amount end) as spend
  from cuts as c
  inner join person_months as p on p.month >= c.cut_on and p.month < date_add('month', {{ window }}, c.cut_on)
  inner join people as b on c.cut_on = b.cut_on and p.person_id = b.person_id
  group by c.cut_on, p.person_id
)

select
  p.person_id,
  cast(p.cut_on as date) as cut_on,
  p.currency,
  date_diff('day', p.first_order_on, p.cut_on) as tenure_days,
  date_diff('day', p.last_order_on, p.cut_on) as recency_days,
  cast(p.orders as bigint) as orders,
  cast(p.orders_3 as bigint) as orders_3_months,
  cast(p.orders_12 as bigint) as orders_12_months,
  cast(p.returns as bigint) as returns,
  cast(p.spend as decimal(38, 2)) as spend,
  cast(p.spend_3 as decimal(38, 2)) as spend_3_months,
  cast(p.spend_12 as decimal(38, 2)) as spend_12_months,
  cast(p.visits_3 as bigint) as visits_3_months,
  cast(coalesce(b.product_views, 0) as bigint) as product_views_3_months,
  cast(coalesce(b.baskets, 0) as bigint) as baskets_3_months,
  cast(coalesce(b.messages_read, 0) as bigint) as messages_read_3_months,
  cast(p.cases_12 as bigint) as cases_12_months,
  cast(p.csat_12 as decimal(6, 4)) as csat_12_months,
  -- The labels are known only when the months after the cut are over.
  case
    when date_add('month', {{ window }}, p.cut_on) <= date_add('day', 1, c.as_of) then coalesce(l.orders, 0) = 0
  end as churned,
  cast(
    case when date_add('month', {{ window }}, p.cut_on) <= date_add('day', 1, c.as_of) then coalesce(l.spend, 0) end
    as decimal(38, 2)
  ) as spend_next_3_months
from people as p
inner join cuts as c on p.cut_on = c.cut_on
left join behaviour as b on p.cut_on = b.cut_on and p.person_id = b.person_id
left join later as l on p.cut_on = l.cut_on and p.person_id = l.person_id
