-- One row per person: who they are (masked), what they did, which groups they are in.
with segments as (
  select
    person_id,
    array_sort(array_agg(segment)) as segments
  from {{ ref('segment_membership') }}
  group by person_id
),

audiences as (
  select
    person_id,
    array_sort(array_agg(distinct said)) as audiences
  from {{ ref('stg_enrichment') }}
  where product = 'advertising_audiences'
  group by person_id
)

select
  c.person_id,
  {{ profile_attributes('p') }},
  cast(coalesce(p.record_count, 0) as bigint) as record_count,
  coalesce(a.orders, 0) as orders,
  coalesce(a.returns, 0) as returns,
  coalesce(a.spend, cast(0 as decimal(38, 2))) as spend,
  a.currency,
  coalesce(a.currencies, 0) as currencies,
  a.average_basket,
  a.first_order_at,
  a.last_order_at,
  coalesce(a.visits, 0) as visits,
  coalesce(a.cases_opened, 0) as cases_opened,
  coalesce(a.cases_closed, 0) as cases_closed,
  cast(a.csat_average as decimal(4, 2)) as csat_average,
  {{ profile_facts('p') }},
  coalesce(s.segments, cast(array[] as array(varchar))) as segments,
  coalesce(d.audiences, cast(array[] as array(varchar))) as audiences,
  r.recency_score,
  r.frequency_score,
  r.monetary_score,
  r.cell as rfm_cell,
  a.last_event_at
from {{ ref('stg_persons') }} as c
left join {{ ref('profile_states') }} as p on c.person_id = p.person_id
left join {{ ref('person_activity') }} as a on c.person_id = a.person_id
left join segments as s on c.person_id = s.person_id
left join audiences as d on c.person_id = d.person_id
left join {{ ref('rfm') }} as r on c.person_id = r.person_id
