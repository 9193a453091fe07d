-- To the cent and per currency: what is added up is the sum of the signed amounts of the interactions. Only the days of
-- the newest events are read again. What arrives while the marts are built makes a difference, too.
{{ config(severity='warn') }}
with newest as (
  select max(occurred_on) as occurred_on
  from {{ ref('interactions_by_key_day') }}
),

interactions as (
  select
    i.source,
    i.event_id,
    cast(cast(i.occurred_at as timestamp(6)) as date) as occurred_on,
    coalesce(min_by(i.currency, i.received_at), 'XXX') as currency,
    min_by(i.amount, i.received_at) as amount
  from {{ source('raw', 'interactions') }} as i
  cross join newest as n
  where
    i.amount is not null
    and i.occurred_at >= date_add('day', -{{ var('reprocess_days') }}, with_timezone(cast(n.occurred_on as timestamp), 'UTC'))
  group by 1, 2, 3
),

amounts as (
  select
    occurred_on,
    currency,
    cast(sum(amount) as decimal(38, 2)) as amount
  from interactions
  group by occurred_on, currency
),

added_up as (
  select
    d.occurred_on,
    d.currency,
    sum(d.amount) as amount
  from {{ ref('interactions_by_key_day') }} as d
  cross join newest as n
  where d.occurred_on >= date_add('day', -{{ var('reprocess_days') }}, n.occurred_on)
  group by d.occurred_on, d.currency
)

select *
from amounts
full outer join added_up on amounts.occurred_on = added_up.occurred_on and amounts.currency = added_up.currency
where coalesce(added_up.amount, cast(0 as decimal(38, 2))) <> coalesce(amounts.amount, cast(0 as decimal(38, 2)))
