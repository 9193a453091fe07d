-- Which touches orders are due to, by five answers. The path of an order is what touched the person since the order before
-- it, within days. Paths that led to no order count too, by which the data-driven answer tells a touch that leads to
-- orders from one that merely comes before them: it is the Shapley value of the game in which the worth of a set of
-- touches is the share of orders among the paths that have no other touch.
{%- set all_touches = touches() %}
{%- set full = 2 ** (all_touches | length) - 1 %}
with touched as (
  select
    {{ person_of('e.customer_key', 'm.person_id') }} as person,
    e.source,
    e.event_id,
    e.occurred_at,
    e.touch,
    e.event_type = 'order_placed' as has_order,
    e.currency,
    e.amount
  from {{ ref('customer_events') }} as e
  left join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
  where e.touch is not null or e.event_type = 'order_placed'
),

-- An order that begins a visit is both; the visit comes first.
steps as (
  select
    t.person,
    t.source,
    t.event_id,
    t.occurred_at,
    t.touch,
    s.is_order,
    t.currency,
    t.amount
  from touched as t
  cross join unnest(array[false, true]) as s (is_order)
  where if(s.is_order, t.has_order, t.touch is not null)
),

pathed as (
  select
    *,
    count_if(is_order) over (
      partition by person
      order by occurred_at, is_order, source, event_id
      rows between unbounded preceding and current row
    ) - if(is_order, 1, 0) as path
  from steps
),

ended as (
  select
    *,
    coalesce(
      max(case when is_order then occurred_at end) over (partition by person, path),
      max(occurred_at) over (partition by person, path)
    ) as ended_at
  from pathed
),

placed as (
  select
    person,
    path,
    touch,
    row_number() over (partition by person, path order by occurred_at, source, event_id) as position,
    count(*) over (partition by person, path) as touches
  from ended
  where not is_order and occurred_at >= ended_at - interval '{{ var("attribution_days") }}' day
),

-- A touch that happened several times in a path has the sum of its parts.
parts as (
  select
    person,
    path,
    touch,
    cast(case touch
      {%- for touch in all_touches %}
      when '{{ touch }}' then {{ 2 ** loop.index0 }}
      {%- endfor %}
    end as bigint) as bit,
    cast(count_if(position = 1) as decimal(18, 9)) as first_part,
    cast(count_if(position = touches) as decimal(18, 9)) as last_part,
    sum(cast(1 as decimal(18, 9)) / touches) as linear_part,
    sum(
      case
        when touches = 1 then cast(1 as decimal(18, 9))
        when touches = 2 then cast(0.5 as decimal(18, 9))
        when position in (1, touches) then cast(0.4 as decimal(18, 9))
        else cast(0.2 as decimal(18, 9)) / (touches - 2)
      end
    ) as position_part
  from placed
  group by person, path, touch
),

orders as (
  select
    person,
    path,
    cast(date_trunc('month', occurred_at) as date) as month,
    currency,
    cast(coalesce(amount, 0) as decimal(18, 2)) as amount
  from pathed
  where is_order
),

masks as (
  select
    p.mask,
    count(*) as paths,
    count(o.person) as orders
  from (select person, path, bitwise_or_agg(bit) as mask from parts group by person, path) as p
  left join orders as o on p.person = o.person and p.path = o.path
  group by p.mask
),

worths as (
  select
    s.members,
    cast(
      coalesce(cast(sum(m.orders) as double) / sum(m.paths), 0) as decimal(18, 12)
    ) as worth
  from unnest(sequence(0, {{ full }})) as s (members)
  left join masks as m on bitwise_and(m.mask, s.members) = m.mask
  group by s.members
),

-- Of seven touches: s! (6 - s)! / 7! in parts of 420, for what a touch adds to a set of s others. A touch that makes orders
-- rarer gets no negative part.
weights as (
  select
    b.bit,
    greatest(
      sum(
        w.worth * if(
          bitwise_and(w.members, b.bit) = 0,
          -element_at(array[60, 10, 4, 3, 4, 10, 60, 0], cast(bit_count(w.members, 64) as integer) + 1),
          element_at(array[0, 60, 10, 4, 3, 4, 10, 60], cast(bit_count(w.members, 64) as integer) + 1)
        )
      ),
      cast(0 as decimal(38, 12))
    ) as weight
  from (values {% for touch in all_touches %}{{ 2 ** loop.index0 }}{{ ', ' if not loop.last }}{% endfor %}) as b (bit)
  cross join worths as w
  group by b.bit
),

shared as (
  select
    p.*,
    w.weight,
    sum(w.weight) over (partition by p.person, p.path) as weights,
    count(*) over (partition by p.person, p.path) as kinds
  from parts as p
  inner join weights as w on p.bit = w.bit
),

credited as (
  select
    o.month,
    o.currency,
    o.amount,
    coalesce(s.touch, 'none') as touch,
    coalesce(s.first_part, 1) as first_part,
    coalesce(s.last_part, 1) as last_part,
    coalesce(s.linear_part, 1) as linear_part,
    coalesce(s.position_part, 1) as position_part,
    cast(
      case
        when s.touch is null then 1
        when s.weights > 0 then cast(s.weight as double) / cast(s.weights as double)
        else 1e0 / s.kinds
      end as decimal(18, 9)
    ) as data_driven_part
  from orders as o
  left join shared as s on o.person = s.person and o.path = s.path
)

select
  month,
  currency,
  cast(touch as varchar) as touch,
  count(*) as paths
  {%- for answer in ['first', 'last', 'linear', 'position', 'data_driven'] %},
  cast(sum({{ answer }}_part) as decimal(18, 6)) as orders_{{ answer }},
  cast(sum(cast({{ answer }}_part as decimal(18, 9)) * amount) as decimal(38, 2)) as amount_{{ answer }}
  {%- endfor %}
from credited
group by month, currency, touch
