-- The grain of spend_by_segment_month.
select
  month,
  segment,
  currency
from {{ ref('spend_by_segment_month') }}
group by month, segment, currency
having count(*) > 1
