-- How many of those who first ordered in a month ordered again in each month after it. Every month has a row up to the
-- newest order of anybody, also where nobody came back.
with buyers as (
  select
    person_id,
    coalesce(currency, 'XXX') as currency,
    cast(date_trunc('month', first_order_at) as date) as cohort_month,
    cast(date_trunc('month', max(last_order_at) over ()) as date) as last_month
  from {{ ref('person_activity') }}
  where orders > 0
),

months as (
  select
    m.person_id,
    cast(date_trunc('month', d.occurred_on) as date) as month,
    d.currency,
    sum(d.orders) as orders,
    sum(d.amount) as amount
  from {{ ref('interactions_by_key_day') }} as d
  inner join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
  where d.orders > 0 or d.amount is not null
  group by 1, 2, 3
),

did as (
  select
    b.cohort_month,
    b.currency,
    date_diff('month', b.cohort_month, m.month) as months_since,
    count(distinct case when m.orders > 0 then m.person_id end) as active,
    sum(m.orders) as orders,
    -- Money of another currency than the customer's main one makes no sum with it.
    sum(case when m.currency = b.currency then m.amount end) as spend
  from buyers as b
  inner join months as m on b.person_id = m.person_id
  group by 1, 2, 3
),

cohorts as (
  select
    cohort_month,
    currency,
    count(*) as customers,
    max(last_month) as last_month
  from buyers
  group by cohort_month, currency
)

select
  c.cohort_month,
  c.currency,
  s.months_since,
  c.customers,
  coalesce(d.active, 0) as active,
  cast(coalesce(d.orders, 0) as bigint) as orders,
  cast(coalesce(d.spend, 0) as decimal(38, 2)) as spend,
  cast(cast(coalesce(d.active, 0) as decimal(18, 6)) / c.customers as decimal(7, 6)) as retention
from cohorts as c
cross join unnest(sequence(0, date_diff('month', c.cohort_month, c.last_month))) as s (months_since)
left join did as d
  on c.cohort_month = d.cohort_month and c.currency = d.currency and s.months_since = d.months_since
