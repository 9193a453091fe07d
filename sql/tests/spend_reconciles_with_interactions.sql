-- To the cent and per currency: what is added up is the sum of the signed amounts of the interactions. Only the days of
-- the newest events are read again: the bound is a literal, by which Athena chooses partitions and files. What arrives
-- while the marts are built makes a difference, too.
{{ config(severity='warn') }}
{%- set since = reread_from('occurred_on', ref('interactions_by_key_day')) %}
with interactions as (
  select
    i.source,
    i.event_id,
    cast(cast(i.occurred_at as timestamp(6)) as date) as occurred_on,
    coalesce(min_by(i.currency, i.received_at), 'XXX') as currency,
    min_by(i.amount, i.received_at) as amount
  from {{ source('raw', 'interactions') }} as i
  where
    i.amount is not null
    and i.occurred_at >= {{ since }}
    -- Nothing arrives before it happened, but for minutes by which a sender's clock is wrong.
    and i.received_at >= {{ since }} - interval '1' day
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
  where d.occurred_on >= cast({{ since }} as date)
  group by d.occurred_on, d.currency
)

select *
from amounts
full outer join added_up on amounts.occurred_on = added_up.occurred_on and amounts.currency = added_up.currency
where coalesce(added_up.amount, cast(0 as decimal(38, 2))) <> coalesce(amounts.amount, cast(0 as decimal(38, 2)))
