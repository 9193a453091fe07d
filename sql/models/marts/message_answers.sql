-- The messages that people of now got, and when they first opened or clicked each: from this, the hours to send at are
-- learned. Whoever got a message lately has not had the time to answer, so it is left out.
{%- set window = "interval '" ~ var('answer_hours') ~ "' hour" %}
with own as (
  select
    m.person_id,
    e.message_id,
    e.channel,
    e.event_type = 'message_sent' as is_sent,
    e.occurred_at
  from {{ ref('message_events') }} as e
  inner join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
  inner join {{ ref('stg_persons') }} as p on m.person_id = p.person_id
  where e.message_id is not null and e.channel is not null
),

sent as (
  select
    person_id,
    message_id,
    min_by(channel, occurred_at) as channel,
    min(occurred_at) as sent_at
  from own
  where is_sent
  group by person_id, message_id
),

answers as (
  select
    s.person_id,
    s.message_id,
    min(o.occurred_at) as answered_at
  from sent as s
  inner join own as o on s.person_id = o.person_id and s.message_id = o.message_id
  where not o.is_sent and o.occurred_at >= s.sent_at and o.occurred_at < s.sent_at + {{ window }}
  group by s.person_id, s.message_id
),

newest as (
  select max(last_received_at) as as_of
  from {{ ref('message_events') }}
)

select
  s.person_id,
  s.message_id,
  s.channel,
  s.sent_at,
  a.answered_at,
  t.time_zone
from sent as s
cross join newest as n
left join answers as a on s.person_id = a.person_id and s.message_id = a.message_id
left join {{ ref('profile_states') }} as t on s.person_id = t.person_id
where s.sent_at <= n.as_of - {{ window }}
