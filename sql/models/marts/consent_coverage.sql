-- Whom we may address: of the persons of now, who gave or took back consent to each purpose in each channel. Which answer
-- counts, `customer_consents` says.
with questions (purpose, channel) as (
  values
  {%- for purpose in ['marketing', 'analytics', 'personalisation'] %}
  {%- for channel in ['email', 'sms', 'push', 'in_app'] %}
    ('{{ purpose }}', '{{ channel }}'){{ ',' if not (loop.last and purpose == 'personalisation') }}
  {%- endfor %}
  {%- endfor %}
),

counted as (
  select
    a.purpose,
    a.channel,
    count_if(a.granted) as granted,
    count_if(not a.granted) as withdrawn,
    count_if(
      a.granted
      and case a.channel
        when 'email' then s.email_masked is not null
        when 'sms' then s.phone_masked is not null
        when 'in_app' then true
      end
    ) as reachable,
    max(a.answered_at) as last_answer_at
  from {{ ref('customer_consents') }} as a
  left join {{ ref('profile_states') }} as s on a.person_id = s.person_id
  group by a.purpose, a.channel
),

everybody as (
  select count(*) as people from {{ ref('stg_persons') }}
),

arrival as (
  select cast(max({{ arrived('last_received_at') }}) as date) as as_of from {{ ref('customer_events') }}
)

select
  n.as_of,
  cast(q.purpose as varchar) as purpose,
  cast(q.channel as varchar) as channel,
  e.people,
  coalesce(c.granted, 0) as granted,
  coalesce(c.withdrawn, 0) as withdrawn,
  e.people - coalesce(c.granted, 0) - coalesce(c.withdrawn, 0) as never_asked,
  case when q.channel <> 'push' then coalesce(c.reachable, 0) end as reachable,
  cast(cast(coalesce(c.granted, 0) as decimal(18, 6)) / nullif(e.people, 0) as decimal(7, 6)) as granted_share,
  c.last_answer_at
from questions as q
cross join everybody as e
cross join arrival as n
left join counted as c on q.purpose = c.purpose and q.channel = c.channel
