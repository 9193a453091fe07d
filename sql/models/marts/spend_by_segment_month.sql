-- Spend per month and segment of now. A person in two segments counts in both: do not add segments up.
select
  cast(date_trunc('month', i.occurred_at) as date) as month,
  coalesce(s.segment, 'none') as segment,
  i.currency,
  cast(sum(i.amount) as decimal(18, 2)) as spend,
  count_if(i.event_type = 'order_placed') as orders,
  count(distinct i.person_id) as persons
from {{ ref('stg_interactions') }} as i
left join {{ ref('segment_membership') }} as s on i.person_id = s.person_id
where i.is_known and i.amount is not null
group by 1, 2, 3
