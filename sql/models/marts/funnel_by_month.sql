-- From looking to ordering: of those who looked at a product in a month, who then put something into the basket, ordered
-- and sent it back. Each step counts from the day of the one before, within days of it, so that no month cuts a purchase
-- in two. Visitors whom nobody knows yet look too, and become known by ordering: hence people of both kinds.
with days as (
  select
    {{ person_of('d.customer_key', 'm.person_id') }} as person,
    m.person_id is not null as is_known,
    d.occurred_on,
    bool_or(d.event_type = 'product_viewed') as viewed,
    bool_or(d.baskets > 0) as filled,
    bool_or(d.event_type = 'order_placed') as ordered,
    bool_or(d.event_type = 'order_returned') as returned
  from {{ ref('events_by_key_day') }} as d
  left join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
  where d.event_type in ('product_viewed', 'cart_updated', 'order_placed', 'order_returned')
  group by 1, 2, 3
),

viewers as (
  select
    person,
    is_known,
    cast(date_trunc('month', occurred_on) as date) as month,
    min(occurred_on) as viewed_on
  from days
  where viewed
  group by 1, 2, 3
),
{%- set steps = ['viewed_on', 'filled_on', 'ordered_on', 'returned_on'] %}
{%- for step, flag in [('filled_on', 'filled'), ('ordered_on', 'ordered'), ('returned_on', 'returned')] %}
{%- set known = steps[:loop.index] %}

{{ flag }} as (
  select
    s.person,
    s.is_known,
    s.month,
    {%- for one in known %}
    s.{{ one }},
    {%- endfor %}
    min(n.occurred_on) as {{ step }}
  from {{ 'viewers' if loop.first else loop.previtem[1] }} as s
  left join days as n
    on s.person = n.person
    and n.{{ flag }}
    and n.occurred_on >= s.{{ known[-1] }}
    and n.occurred_on < date_add('day', {{ var('funnel_days') }}, s.{{ known[-1] }})
  group by s.person, s.is_known, s.month, s.{{ known | join(', s.') }}
),
{%- endfor %}

last_day as (
  select max(occurred_on) as as_of from days
)

select
  r.month,
  r.is_known,
  count(*) as viewers,
  count(r.filled_on) as filled_basket,
  count(r.ordered_on) as ordered,
  count(r.returned_on) as returned,
  -- Whether the last viewer of the month has had the time for every step.
  date_add('day', {{ 3 * var('funnel_days') }}, date_add('month', 1, r.month)) <= max(l.as_of) as is_complete
from returned as r
cross join last_day as l
group by r.month, r.is_known
