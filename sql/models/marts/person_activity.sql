-- What the interactions of each known person add up to: added up once, for all that is made of it.
select
  person_id,
  count_if(event_type = 'order_placed') as orders,
  count_if(event_type = 'order_returned') as returns,
  coalesce(sum(amount), cast(0 as decimal(38, 2))) as spend,
  sum(case when event_type = 'order_placed' then amount end) as ordered_amount,
  case when min(currency) = max(currency) then max(currency) end as currency,
  min(case when event_type = 'order_placed' then occurred_at end) as first_order_at,
  max(case when event_type = 'order_placed' then occurred_at end) as last_order_at,
  count_if(session_start) as visits,
  count_if(event_type = 'case_opened') as cases_opened,
  count_if(event_type = 'case_closed') as cases_closed,
  avg(
    case
      when event_type = 'case_closed'
        then cast(json_extract_scalar(payload, '$.csat') as decimal(6, 4))
    end
  ) as csat_average,
  max(occurred_at) as last_event_at,
  count(*) as events
from {{ ref('stg_interactions') }}
where is_known
group by person_id
