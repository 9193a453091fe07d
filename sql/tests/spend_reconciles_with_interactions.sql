-- To the cent and per currency: the spend of all persons is the sum of the signed amounts of the interactions whose
-- identifier is known. Events that arrive and persons who are joined while the marts are built make a difference, too.
{{ config(severity='warn') }}
with interactions as (
  select
    source,
    event_id,
    min_by(customer_key, received_at) as customer_key,
    coalesce(min_by(currency, received_at), 'XXX') as currency,
    min_by(amount, received_at) as amount
  from {{ source('raw', 'interactions') }}
  where amount is not null
  group by source, event_id
),

amounts as (
  select
    i.currency,
    cast(sum(i.amount) as decimal(38, 2)) as amount
  from interactions as i
  inner join {{ source('curated', 'identifier_map') }} as m on i.customer_key = m.identifier_key
  group by i.currency
),

spend as (
  select
    currency,
    sum(spend) as spend
  from {{ ref('spend_by_currency') }}
  group by currency
)

select *
from amounts
full outer join spend on amounts.currency = spend.currency
where coalesce(spend.spend, cast(0 as decimal(38, 2))) <> coalesce(amounts.amount, cast(0 as decimal(38, 2)))
