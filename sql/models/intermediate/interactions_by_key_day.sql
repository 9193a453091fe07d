-- What the interactions of each identifier add up to, per day and currency. Persons are joined afterwards, so that a
-- merge or a split of persons rewrites nothing here. A build adds up the days anew that something new happened on,
-- however late it came; the other days are neither read nor written.
{{
  config(
    unique_key=['customer_key', 'occurred_on', 'currency'],
    partitioned_by=['year(occurred_on)'],
    delete_condition='src.events = 0',
  )
}}
{%- set days = touched_days(source('raw', 'interactions')) if is_incremental() else [] %}
with deliveries as (
  select
    source,
    event_id,
    event_type,
    customer_key,
    amount,
    session_start,
    cast(occurred_at as timestamp(6)) as happened_at,
    cast(received_at as timestamp(6)) as arrived_at,
    -- ISO 4217 has a code for what involves no currency.
    coalesce(currency, 'XXX') as currency,
    event_type = 'case_closed' and {{ has_value('payload', 'csat') }} as has_csat,
    case when event_type = 'case_closed' then {{ csat_of('payload') }} end as csat
  from {{ source('raw', 'interactions') }}
  where
    customer_key is not null
    and occurred_at is not null
    {%- if is_incremental() %}
    and {{ within_days('occurred_at', days) }}
    {%- endif %}
),

numbered as (
  select
    *,
    -- Each source numbers its own events. What comes again says when it happened as it did before, so that a day is
    -- enough to know it by.
    row_number() over event as delivery,
    first_value(amount) over event as first_amount,
    first_value(currency) over event as first_currency,
    first_value(customer_key) over event as first_key
  from deliveries
  window event as (
    partition by cast(happened_at as date), source, event_id
    order by arrived_at, customer_key, amount
  )
),

added as (
  select
    first_key as customer_key,
    cast(happened_at as date) as occurred_on,
    first_currency as currency,
    count_if(delivery = 1) as events,
    count_if(
      amount is distinct from first_amount or currency <> first_currency or customer_key <> first_key
    ) as conflicts,
    count_if(delivery = 1 and event_type = 'order_placed') as orders,
    count_if(delivery = 1 and event_type = 'order_returned') as returns,
    sum(case when delivery = 1 then cast(amount as decimal(38, 2)) end) as amount,
    sum(
      case when delivery = 1 and event_type = 'order_placed' then cast(amount as decimal(38, 2)) end
    ) as ordered_amount,
    min(case when delivery = 1 and event_type = 'order_placed' then happened_at end) as first_order_at,
    max(case when delivery = 1 and event_type = 'order_placed' then happened_at end) as last_order_at,
    min(happened_at) as first_event_at,
    max(happened_at) as last_event_at,
    count_if(delivery = 1 and session_start) as visits,
    count_if(delivery = 1 and event_type = 'case_opened') as cases_opened,
    count_if(delivery = 1 and event_type = 'case_closed') as cases_closed,
    cast(sum(case when delivery = 1 then csat end) as decimal(38, 4)) as csat_sum,
    count_if(delivery = 1 and csat is not null) as csat_count,
    count_if(delivery = 1 and has_csat and csat is null) as unreadable,
    max(arrived_at) as last_received_at
  from numbered
  group by first_key, cast(happened_at as date), first_currency
)

select * from added
{% if is_incremental() %}
-- What is here of these days and is no more: without events it is deleted by the merge.
union all

select
  t.customer_key,
  t.occurred_on,
  t.currency,
  0 as events,
  0 as conflicts,
  0 as orders,
  0 as returns,
  null as amount,
  null as ordered_amount,
  null as first_order_at,
  null as last_order_at,
  t.first_event_at,
  t.last_event_at,
  0 as visits,
  0 as cases_opened,
  0 as cases_closed,
  null as csat_sum,
  0 as csat_count,
  0 as unreadable,
  t.last_received_at
from {{ this }} as t
left join added as a
  on t.customer_key = a.customer_key and t.occurred_on = a.occurred_on and t.currency = a.currency
where a.customer_key is null and {{ within_days('t.occurred_on', days, type='date', clock='') }}
{% endif %}
