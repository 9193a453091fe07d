-- What recommendations learn from: the articles that people of now bought and looked at, of those alone who have agreed
-- to personalisation. The newest answer counts; of two at the same moment the withdrawal does.
with answers as (
  select
    m.person_id,
    e.granted,
    row_number() over (partition by m.person_id order by e.occurred_at desc, e.granted) as recency
  from {{ ref('customer_events') }} as e
  inner join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
  where
    e.event_type = 'consent_changed'
    and e.topic = 'personalisation'
    and e.channel = 'any'
    and e.granted is not null
)

select
  m.person_id,
  e.source,
  e.event_id,
  e.product_id,
  e.event_type,
  e.occurred_at,
  case when e.source = 'pos_transactions' then 'till' when e.source = 'web_events' then 'web' else 'other' end as device,
  case when e.is_in_store then 'store' else 'online' end as place
from {{ ref('product_events') }} as e
inner join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
inner join {{ ref('stg_persons') }} as p on m.person_id = p.person_id
inner join answers as a on m.person_id = a.person_id
where a.recency = 1 and a.granted
