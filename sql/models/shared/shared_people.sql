-- Customers whom partners may count, one row an address: coarse facts, and no name, address or id of ours.
{{ config(unique_key='email_sha256') }}
with shared as (
  select
    a.email_sha256,
    c.state,
    c.loyalty_tier,
    c.currency,
    c.orders,
    c.spend
  from {{ ref('stg_shared_addresses') }} as a
  inner join {{ ref('customer_360') }} as c on a.person_id = c.person_id
)

select
  email_sha256,
  state,
  loyalty_tier,
  currency,
  orders,
  spend,
  true as is_shared
from shared
{{- gone_rows('shared', ['email_sha256'], ['state', 'loyalty_tier', 'currency', 'orders', 'spend']) }}
