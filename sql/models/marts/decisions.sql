-- Every answer to "what now for this person?", silence included, with its reasons.
with numbered as (
  select
    *,
    row_number() over (partition by decision_id order by decided_at, source, event_id) as delivery
  from {{ ref('decision_events') }}
  where decision_id is not null
)

select
  d.decision_id,
  {{ person_of('d.customer_key', 'm.person_id') }} as person_id,
  d.decided_at,
  d.trigger_name,
  d.action,
  d.channel,
  d.template,
  d.reasons
from numbered as d
left join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
where d.delivery = 1
