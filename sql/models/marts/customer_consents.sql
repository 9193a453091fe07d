-- The answer of each person of now to each purpose and channel. As the decision engine reads the answers: the newest
-- counts, one for any channel is one for each, and of two at the same moment the withdrawal counts.
with answers as (
  select
    m.person_id,
    e.topic as purpose,
    c.channel,
    e.granted,
    e.occurred_at,
    row_number() over (
      partition by m.person_id, e.topic, c.channel
      order by e.occurred_at desc, e.granted
    ) as recency
  from {{ ref('customer_events') }} as e
  inner join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
  inner join {{ ref('stg_persons') }} as p on m.person_id = p.person_id
  cross join unnest(
    case when e.channel = 'any' then array['email', 'sms', 'push', 'in_app'] else array[e.channel] end
  ) as c (channel)
  where e.event_type = 'consent_changed' and e.granted is not null and e.topic is not null and c.channel is not null
)

select
  person_id,
  purpose,
  channel,
  granted,
  occurred_at as answered_at
from answers
where recency = 1
