-- Customers whom partners may count, one row an address: coarse facts, and no name, address or id of ours, nor
-- anything that was bought.
{{ config(unique_key='email_sha256') }}
with shared as (
  select
    a.email_sha256,
    a.customer_id,
    p.state,
    p.loyalty_tier,
    d.currency,
    coalesce(d.orders, 0) as orders,
    coalesce(d.spend, cast(0 as decimal(38, 2))) as spend
  from {{ ref('stg_shared_addresses') }} as a
  left join {{ ref('profile_states') }} as p on a.person_id = p.person_id
  left join {{ ref('person_activity') }} as d on a.person_id = d.person_id
)

select
  email_sha256,
  state,
  loyalty_tier,
  currency,
  orders,
  spend,
  customer_id,
  true as is_shared
from shared
{{- gone_rows('shared', ['email_sha256'], ['state', 'loyalty_tier', 'currency', 'orders', 'spend', 'customer_id']) }}
