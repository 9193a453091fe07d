-- How many interactions of each source and type each identifier had on a day. Persons are joined afterwards, so that a
-- merge or a split of persons rewrites nothing here. A build counts the days anew that something new happened on,
-- however late it came; the other days are neither read nor written.
{{
  config(
    unique_key=['customer_key', 'occurred_on', 'source', 'event_type'],
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
    cast(occurred_at as timestamp(6)) as happened_at,
    cast(received_at as timestamp(6)) as arrived_at,
    -- A product is put into the basket; a quantity of 0 takes it out.
    event_type = 'cart_updated'
    and coalesce(try_cast(json_extract_scalar(payload, '$.quantity') as bigint), 0) > 0 as is_basket
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
    -- As in interactions_by_key_day: the first delivery of an event decides what it says and whose it is.
    row_number() over (
      partition by cast(happened_at as date), source, event_id
      order by arrived_at, customer_key, event_type
    ) as delivery
  from deliveries
),

counted as (
  select
    customer_key,
    cast(happened_at as date) as occurred_on,
    source,
    event_type,
    count(*) as events,
    count_if(is_basket) as baskets,
    count_if(arrived_at > happened_at + interval '1' day) as late_events,
    min(happened_at) as first_at,
    max(happened_at) as last_at,
    max(arrived_at) as last_received_at
  from numbered
  where delivery = 1
  group by customer_key, cast(happened_at as date), source, event_type
)

select * from counted
{% if is_incremental() %}
-- What is here of these days and is no more: without events it is deleted by the merge.
union all

select
  t.customer_key,
  t.occurred_on,
  t.source,
  t.event_type,
  0 as events,
  0 as baskets,
  0 as late_events,
  t.first_at,
  t.last_at,
  t.last_received_at
from {{ this }} as t
left join counted as c
  on t.customer_key = c.customer_key
  and t.occurred_on = c.occurred_on
  and t.source = c.source
  and t.event_type = c.event_type
where c.customer_key is null and {{ within_days('t.occurred_on', days, type='date', clock='') }}
{% endif %}
