-- What the interactions of each known person add up to: added up once, for all that is made of it.
with activity as (
  select
    m.person_id,
    sum(d.orders) as orders,
    sum(d.returns) as returns,
    min(d.first_order_at) as first_order_at,
    max(d.last_order_at) as last_order_at,
    sum(d.visits) as visits,
    sum(d.cases_opened) as cases_opened,
    sum(d.cases_closed) as cases_closed,
    sum(d.csat_sum) / nullif(sum(d.csat_count), 0) as csat_average,
    max(d.last_event_at) as last_event_at,
    sum(d.events) as events
  from {{ ref('interactions_by_key_day') }} as d
  inner join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
  group by m.person_id
),

currencies as (
  select
    person_id,
    count_if(currency <> 'XXX') as currencies
  from {{ ref('spend_by_currency') }}
  group by person_id
)

select
  a.person_id,
  cast(a.orders as bigint) as orders,
  cast(a.returns as bigint) as returns,
  coalesce(s.spend, cast(0 as decimal(38, 2))) as spend,
  s.ordered_amount,
  s.average_basket,
  nullif(s.currency, 'XXX') as currency,
  coalesce(c.currencies, 0) as currencies,
  a.first_order_at,
  a.last_order_at,
  cast(a.visits as bigint) as visits,
  cast(a.cases_opened as bigint) as cases_opened,
  cast(a.cases_closed as bigint) as cases_closed,
  cast(a.csat_average as decimal(6, 4)) as csat_average,
  a.last_event_at,
  cast(a.events as bigint) as events
from activity as a
left join {{ ref('spend_by_currency') }} as s on a.person_id = s.person_id and s.is_main
left join currencies as c on a.person_id = c.person_id
