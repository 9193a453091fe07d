-- To the cent and per currency: the spend of all persons is what is added up under the identifiers that are known.
-- Persons who are joined while the marts are built make a difference.
{{ config(severity='warn') }}
with added_up as (
  select
    d.currency,
    sum(d.amount) as amount
  from {{ ref('interactions_by_key_day') }} as d
  inner join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
  group by d.currency
),

spend as (
  select
    currency,
    sum(spend) as spend
  from {{ ref('spend_by_currency') }}
  group by currency
)

select *
from added_up
full outer join spend on added_up.currency = spend.currency
where coalesce(spend.spend, cast(0 as decimal(38, 2))) <> coalesce(added_up.amount, cast(0 as decimal(38, 2)))
