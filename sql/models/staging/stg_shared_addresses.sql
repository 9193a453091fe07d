-- Whom partners may find: customers whose newest answer agrees to marketing by e-mail, under the SHA-256 of each
-- address that is theirs alone. An address that several people have belongs to nobody, and of two answers at the same
-- moment the withdrawal counts. Partners compute the same hash of the same normal form.
with answers as (
  select
    m.person_id,
    e.granted,
    row_number() over (partition by m.person_id order by e.occurred_at desc, e.granted asc) as recency
  from {{ ref('customer_events') }} as e
  inner join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
  where
    e.event_type = 'consent_changed'
    and e.topic = 'marketing'
    and e.channel in ('email', 'any')
    and e.granted is not null
),

addresses as (
  select distinct
    m.person_id,
    r.email
  from {{ source('curated', 'identity_map') }} as m
  inner join {{ source('curated', 'identity_records') }} as r on m.record_id = r.record_id
  where m.valid_to is null and r.email is not null
),

owned as (
  select
    email,
    min(person_id) as person_id
  from addresses
  group by email
  having count(*) = 1
)

select
  o.person_id,
  {{ sha256_of('o.email') }} as email_sha256,
  substr({{ sha256_of('o.email') }}, 1, 32) as customer_id
from owned as o
inner join answers as a on o.person_id = a.person_id
where a.recency = 1 and a.granted
