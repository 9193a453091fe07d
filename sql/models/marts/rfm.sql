-- Recency, frequency and monetary value in quintiles, among the persons with an order.
with buyers as (
  select
    person_id,
    orders as frequency,
    spend as monetary,
    currency,
    cast(last_order_at as date) as last_order_on,
    max(cast(last_order_at as date)) over () as as_of
  from {{ ref('person_activity') }}
  where orders > 0
),

scored as (
  select
    person_id,
    as_of,
    date_diff('day', last_order_on, as_of) as recency_days,
    frequency,
    monetary,
    currency,
    {{ quintile('last_order_on') }} as recency_score,
    {{ quintile('frequency') }} as frequency_score,
    -- 100 USD are not more than 90 EUR: money is compared within its currency.
    {{ quintile('monetary', among='currency') }} as monetary_score
  from buyers
)

select
  *,
  cast(recency_score as varchar)
  || cast(frequency_score as varchar)
  || cast(monetary_score as varchar) as cell
from scored
