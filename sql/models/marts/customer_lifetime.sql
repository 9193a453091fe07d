-- What each buyer has been worth until now: seen, not foretold. Amounts are in the main currency.
with buyers as (
  select
    *,
    cast(first_order_at as date) as first_order_on,
    cast(last_order_at as date) as last_order_on,
    max(cast(last_order_at as date)) over () as as_of
  from {{ ref('person_activity') }}
  where orders > 0
),

amounts as (
  select
    m.person_id,
    d.occurred_on,
    d.currency,
    sum(d.amount) as amount
  from {{ ref('interactions_by_key_day') }} as d
  inner join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
  where d.amount is not null
  group by m.person_id, d.occurred_on, d.currency
),

horizons as (
  select
    b.person_id,
    sum(case when a.occurred_on < date_add('day', 30, b.first_order_on) then a.amount end) as spend_30_days,
    sum(case when a.occurred_on < date_add('day', 90, b.first_order_on) then a.amount end) as spend_90_days,
    sum(case when a.occurred_on < date_add('day', 365, b.first_order_on) then a.amount end) as spend_365_days
  from buyers as b
  inner join amounts as a on b.person_id = a.person_id and coalesce(b.currency, 'XXX') = a.currency
  group by b.person_id
)

select
  b.person_id,
  b.currency,
  b.as_of,
  b.first_order_on,
  b.last_order_on,
  date_diff('day', b.first_order_on, b.as_of) as tenure_days,
  date_diff('day', b.last_order_on, b.as_of) as recency_days,
  b.orders,
  b.returns,
  b.spend,
  b.average_basket,
  cast(
    cast(date_diff('day', b.first_order_on, b.last_order_on) as decimal(18, 2)) / nullif(b.orders - 1, 0)
    as decimal(18, 2)
  ) as order_interval_days,
  {%- for days in [30, 90, 365] %}
  -- Empty until the days are over: a young customer is no poor one.
  case
    when date_add('day', {{ days }}, b.first_order_on) <= b.as_of
      then cast(coalesce(h.spend_{{ days }}_days, 0) as decimal(38, 2))
  end as spend_{{ days }}_days,
  {%- endfor %}
  date_diff('day', b.last_order_on, b.as_of) >= {{ var('lapsed_days') }} as is_lapsed
from buyers as b
left join horizons as h on b.person_id = h.person_id
