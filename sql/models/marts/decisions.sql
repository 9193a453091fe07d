-- Every answer to "what now for this person?", silence included, with its reasons.
with decisions as (
  select
    customer_key,
    payload,
    cast(occurred_at as timestamp(6)) as decided_at,
    json_extract_scalar(payload, '$.decision_id') as decision_id
  from {{ source('raw', 'interactions') }}
  where event_type = 'decision_made'
),

numbered as (
  select
    *,
    row_number() over (partition by decision_id order by decided_at) as delivery
  from decisions
)

select
  d.decision_id,
  {{ person_of('d.customer_key', 'm.person_id') }} as person_id,
  d.decided_at,
  json_extract_scalar(d.payload, '$.trigger') as trigger_name,
  json_extract_scalar(d.payload, '$.action') as action,
  json_extract_scalar(d.payload, '$.channel') as channel,
  json_extract_scalar(d.payload, '$.template') as template,
  try_cast(json_extract(d.payload, '$.reasons') as array(varchar)) as reasons
from numbered as d
left join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
where d.decision_id is not null and d.delivery = 1
