-- To the cent: the spend of all persons is the sum of the signed amounts of the interactions whose identifier is known.
with interactions as (
  select
    event_id,
    arbitrary(customer_key) as customer_key,
    arbitrary(amount) as amount
  from {{ source('raw', 'interactions') }}
  group by event_id
),

sums as (
  select
    (select coalesce(sum(spend), 0) from {{ ref('customer_360') }}) as spend,
    (
      select coalesce(sum(i.amount), 0)
      from interactions as i
      inner join {{ source('curated', 'identifier_map') }} as m on i.customer_key = m.identifier_key
    ) as amount
)

select *
from sums
where spend <> amount
