-- Whether people order more who saw a variant of an experiment, or got a message, than those who did not. Somebody who saw
-- two variants belongs to none. Of messages, the others are people for whom the decision engine decided not to send it:
-- they are not drawn by lot, and the difference is no proof.
with exposures as (
  select
    'experiment' as kind,
    e.campaign as name,
    e.variant,
    {{ person_of('e.customer_key', 'm.person_id') }} as person,
    e.occurred_at
  from {{ ref('customer_events') }} as e
  left join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
  where e.event_type = 'custom_event' and e.campaign is not null and e.variant is not null

  union all

  select
    'message' as kind,
    e.campaign as name,
    'sent' as variant,
    {{ person_of('e.customer_key', 'm.person_id') }} as person,
    e.occurred_at
  from {{ ref('customer_events') }} as e
  left join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
  where e.event_type = 'message_sent' and e.campaign is not null

  union all

  select
    'message' as kind,
    d.template as name,
    'not_sent' as variant,
    {{ person_of('d.customer_key', 'm.person_id') }} as person,
    d.decided_at as occurred_at
  from {{ ref('decision_events') }} as d
  left join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
  where d.action = 'silence' and d.template is not null
),

people as (
  select
    kind,
    name,
    person,
    -- A message that was sent once was sent, whatever was decided before and after.
    case kind when 'message' then max(variant) else min_by(variant, occurred_at) end as variant,
    coalesce(min(case when kind = 'message' and variant = 'sent' then occurred_at end), min(occurred_at)) as seen_at,
    kind = 'experiment' and count(distinct variant) > 1 as has_crossed
  from exposures
  group by kind, name, person
),

orders as (
  select
    {{ person_of('e.customer_key', 'm.person_id') }} as person,
    e.occurred_at
  from {{ ref('customer_events') }} as e
  left join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
  where e.event_type = 'order_placed'
),

outcomes as (
  select
    p.kind,
    p.name,
    p.variant,
    p.person,
    p.has_crossed,
    max(n.as_of) as as_of,
    count(o.person) as orders
  from people as p
  cross join (select max(occurred_at) as as_of from orders) as n
  left join orders as o
    on p.person = o.person
    and o.occurred_at >= p.seen_at
    and o.occurred_at < p.seen_at + interval '{{ var("lift_days") }}' day
  -- Whoever saw it lately has not had the time.
  where p.seen_at + interval '{{ var("lift_days") }}' day <= n.as_of
  group by p.kind, p.name, p.variant, p.person, p.has_crossed
),

variants as (
  select
    kind,
    name,
    variant,
    max(as_of) as as_of,
    count_if(not has_crossed) as people,
    count_if(has_crossed) as crossed_people,
    count_if(not has_crossed and orders > 0) as buyers,
    cast(sum(case when not has_crossed then orders else 0 end) as bigint) as orders,
    cast(count_if(not has_crossed and orders > 0) as double) / nullif(count_if(not has_crossed), 0) as conversion
  from outcomes
  group by kind, name, variant
),

controlled as (
  select
    *,
    variant = if(kind = 'message', 'not_sent', 'control') as is_control
  from variants
),

paired as (
  select
    *,
    max(case when is_control then conversion end) over (partition by kind, name) as other_conversion,
    max(case when is_control then people end) over (partition by kind, name) as other_people
  from controlled
),

compared as (
  select
    *,
    case when not is_control then conversion - other_conversion end as difference,
    sqrt(
      conversion * (1 - conversion) / people + other_conversion * (1 - other_conversion) / other_people
    ) as deviation
  from paired
)

select
  cast(as_of as date) as as_of,
  cast(kind as varchar) as kind,
  name,
  cast(variant as varchar) as variant,
  kind = 'experiment' as is_randomised,
  people,
  crossed_people,
  buyers,
  orders,
  cast(conversion as decimal(9, 6)) as conversion,
  cast(difference as decimal(9, 6)) as lift,
  cast(difference - 1.96e0 * deviation as decimal(9, 6)) as lift_at_least,
  cast(difference + 1.96e0 * deviation as decimal(9, 6)) as lift_at_most
from compared
