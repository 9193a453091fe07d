-- Every answer to "what now for this person?", silence included, with its reasons.
select
  json_extract_scalar(payload, '$.decision_id') as decision_id,
  person_id,
  occurred_at as decided_at,
  json_extract_scalar(payload, '$.trigger') as trigger_name,
  json_extract_scalar(payload, '$.action') as action,
  json_extract_scalar(payload, '$.channel') as channel,
  json_extract_scalar(payload, '$.template') as template,
  cast(json_extract(payload, '$.reasons') as array(varchar)) as reasons
from {{ ref('stg_interactions') }}
where event_type = 'decision_made'
