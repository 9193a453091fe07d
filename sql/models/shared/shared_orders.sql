-- What they ordered, by day: by it partners measure whom their campaigns reached.
{{ config(unique_key=['email_sha256', 'ordered_on', 'currency']) }}
with shared as (
  select
    a.email_sha256,
    cast(e.occurred_at as date) as ordered_on,
    e.currency,
    count(*) as orders,
    cast(sum(e.amount) as decimal(38, 2)) as amount
  from {{ ref('customer_events') }} as e
  inner join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
  inner join {{ ref('stg_shared_addresses') }} as a on m.person_id = a.person_id
  where e.event_type = 'order_placed'
  group by a.email_sha256, cast(e.occurred_at as date), e.currency
)

select
  email_sha256,
  ordered_on,
  currency,
  orders,
  amount,
  true as is_shared
from shared
{{- gone_rows('shared', ['email_sha256', 'ordered_on', 'currency'], ['orders', 'amount']) }}
