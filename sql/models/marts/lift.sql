-- What a variant of an experiment, a play or a message changed: orders, spend, and consents taken back, beside those of the
-- control. Lots decide who sees a variant, and whom a play holds out; somebody who was on two sides belongs to none. Of
-- messages, the others are people for whom the decision engine decided not to send it: they are not drawn by lot, and the
-- difference is no proof.
{%- set window = "interval '" ~ var('lift_days') ~ "' day" %}
with held as (
  -- A play has a control from the first person on whom it held out.
  select
    trigger_name,
    min(decided_at) as since
  from {{ ref('decision_events') }}
  where contains(reasons, 'HOLDOUT')
  group by trigger_name
),

exposures as (
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
    'play' as kind,
    d.trigger_name as name,
    if(contains(d.reasons, 'HOLDOUT'), 'held_out', 'treated') as variant,
    {{ person_of('d.customer_key', 'm.person_id') }} as person,
    d.decided_at as occurred_at
  from {{ ref('decision_events') }} as d
  inner join held as h on d.trigger_name = h.trigger_name and d.decided_at >= h.since
  left join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
  where d.action <> 'silence' or contains(d.reasons, 'HOLDOUT')

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
    kind <> 'message' and count(distinct variant) > 1 as has_crossed
  from exposures
  group by kind, name, person
),

moves as (
  select
    {{ person_of('e.customer_key', 'm.person_id') }} as person,
    e.event_type,
    e.occurred_at,
    e.currency,
    coalesce(e.amount, 0) as amount,
    e.granted
  from {{ ref('customer_events') }} as e
  left join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
  where e.event_type in ('order_placed', 'order_returned', 'consent_changed')
),

around as (
  select
    p.kind,
    p.name,
    p.variant,
    p.person,
    p.has_crossed,
    n.as_of,
    v.event_type,
    v.currency,
    v.amount,
    v.granted,
    v.occurred_at >= p.seen_at as is_after
  from people as p
  cross join (select max(occurred_at) as as_of from moves where event_type = 'order_placed') as n
  left join moves as v
    on p.person = v.person
    and v.occurred_at >= p.seen_at - {{ window }}
    and v.occurred_at < p.seen_at + {{ window }}
  -- Whoever saw it lately has not had the time.
  where p.seen_at + {{ window }} <= n.as_of
),

currencies as (
  select
    kind,
    name,
    currency,
    row_number() over (partition by kind, name order by currency = 'XXX', count(*) desc, currency) as place
  from around
  where event_type = 'order_placed'
  group by kind, name, currency
),

outcomes as (
  select
    a.kind,
    a.name,
    a.variant,
    a.person,
    a.has_crossed,
    max(a.as_of) as as_of,
    max(c.currency) as currency,
    count_if(a.event_type = 'order_placed' and a.is_after) as orders,
    count_if(a.event_type = 'consent_changed' and not a.granted and a.is_after) as refusals,
    coalesce(sum(case when a.currency = c.currency and a.is_after then a.amount end), 0) as spend,
    coalesce(sum(case when a.currency = c.currency and not a.is_after then a.amount end), 0) as spend_before
  from around as a
  left join currencies as c on a.kind = c.kind and a.name = c.name and c.place = 1
  group by a.kind, a.name, a.variant, a.person, a.has_crossed
),

-- Sums are exact, and what follows from them is the same however they were added up.
variants as (
  select
    kind,
    name,
    variant,
    max(as_of) as as_of,
    max(currency) as currency,
    count_if(not has_crossed) as people,
    count_if(has_crossed) as crossed_people,
    count_if(not has_crossed and orders > 0) as buyers,
    cast(sum(case when not has_crossed then orders else 0 end) as bigint) as orders,
    count_if(not has_crossed and refusals > 0) as refusers,
    cast(sum(case when not has_crossed then spend else 0 end) as double) as y,
    cast(sum(case when not has_crossed then spend_before else 0 end) as double) as x,
    cast(sum(case when not has_crossed then spend * spend else 0 end) as double) as yy,
    cast(sum(case when not has_crossed then spend_before * spend_before else 0 end) as double) as xx,
    cast(sum(case when not has_crossed then spend * spend_before else 0 end) as double) as xy
  from outcomes
  group by kind, name, variant
),

trials as (
  select
    *,
    variant = case kind when 'message' then 'not_sent' when 'play' then 'held_out' else 'control' end as is_control,
    sum(people) over (partition by kind, name) as all_people,
    -- The lots of an experiment are equal; a play says how many percent it holds out.
    case
      when kind = 'experiment' then 1e0 / count(*) over (partition by kind, name)
      when kind = 'play' then if(variant = 'held_out', {{ holdout_of('name') }}, 1e0 - {{ holdout_of('name') }})
    end as expected_share,
    -- CUPED: what somebody spent before explains a part of what they spend after, and no lot depends on it. The factor is
    -- the slope of one on the other among all people of the trial (Deng, Xu, Kohavi and Walker, 2013).
    sum(people) over (partition by kind, name) * sum(xy) over (partition by kind, name)
    - sum(x) over (partition by kind, name) * sum(y) over (partition by kind, name) as covariance,
    sum(people) over (partition by kind, name) * sum(xx) over (partition by kind, name)
    - sum(x) over (partition by kind, name) * sum(x) over (partition by kind, name) as variance
  from variants
),

rated as (
  select
    *,
    cast(buyers as double) / nullif(people, 0) as conversion,
    cast(refusers as double) / nullif(people, 0) as refusal,
    y / nullif(people, 0) as spend,
    x / nullif(people, 0) as spend_before,
    coalesce(covariance / nullif(variance, 0), 0) as theta
  from trials
),

measured as (
  select
    *,
    conversion * (1 - conversion) / people as conversion_variance,
    refusal * (1 - refusal) / people as refusal_variance,
    -- Of the mean; one person alone has none.
    greatest(yy - people * spend * spend, 0) / nullif(people - 1, 0) / people as spend_variance,
    greatest(
      yy - people * spend * spend
      - 2 * theta * (xy - people * spend * spend_before)
      + theta * theta * (xx - people * spend_before * spend_before),
      0
    ) / nullif(people - 1, 0) / people as adjusted_variance
  from rated
),

paired as (
  select
    t.*,
    t.conversion - c.conversion as lift,
    t.refusal - c.refusal as refusal_lift,
    t.spend - c.spend - t.theta * (t.spend_before - c.spend_before) as spend_lift,
    sqrt(t.conversion_variance + c.conversion_variance) as deviation,
    sqrt(t.refusal_variance + c.refusal_variance) as refusal_deviation,
    sqrt(t.adjusted_variance + c.adjusted_variance) as spend_deviation,
    1 - (t.adjusted_variance + c.adjusted_variance) / nullif(t.spend_variance + c.spend_variance, 0) as explained
  from measured as t
  left join measured as c on t.kind = c.kind and t.name = c.name and c.is_control and not t.is_control
)

select
  cast(as_of as date) as as_of,
  cast(kind as varchar) as kind,
  name,
  cast(variant as varchar) as variant,
  kind <> 'message' as is_randomised,
  people,
  crossed_people,
  -- How many standard deviations the number of people is from the one that the lots should give.
  cast(
    (people - all_people * expected_share) / nullif(sqrt(all_people * expected_share * (1 - expected_share)), 0)
    as decimal(12, 4)
  ) as ratio_deviations,
  buyers,
  orders,
  cast(conversion as decimal(9, 6)) as conversion,
  cast(lift as decimal(9, 6)) as lift,
  cast(lift - 1.96e0 * deviation as decimal(9, 6)) as lift_at_least,
  cast(lift + 1.96e0 * deviation as decimal(9, 6)) as lift_at_most,
  currency,
  cast(spend as decimal(18, 2)) as spend_per_person,
  cast(spend_lift as decimal(18, 2)) as spend_lift,
  cast(spend_lift - 1.96e0 * spend_deviation as decimal(18, 2)) as spend_lift_at_least,
  cast(spend_lift + 1.96e0 * spend_deviation as decimal(18, 2)) as spend_lift_at_most,
  cast(explained as decimal(9, 4)) as variance_explained,
  refusers,
  cast(refusal_lift as decimal(9, 6)) as refusal_lift,
  cast(refusal_lift - 1.96e0 * refusal_deviation as decimal(9, 6)) as refusal_lift_at_least,
  cast(refusal_lift + 1.96e0 * refusal_deviation as decimal(9, 6)) as refusal_lift_at_most
from paired
