-- Spend per month and segment of now. A person in two segments counts in both: do not add segments up.
select
  cast(date_trunc('month', d.occurred_on) as date) as month,
  coalesce(s.segment, 'none') as segment,
  d.currency,
  cast(sum(d.amount) as decimal(38, 2)) as spend,
  cast(sum(d.orders) as bigint) as orders,
  count(distinct m.person_id) as persons
from {{ ref('interactions_by_key_day') }} as d
inner join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
left join {{ ref('segment_membership') }} as s on m.person_id = s.person_id
where d.amount is not null
group by 1, 2, 3
