-- How many people each bought product describes, with what its licence asks to be said.
with products (product, attribution, licence_ends) as (
  values
    {{ licence_terms() }}
)

select
  cast(p.product as varchar) as product,
  cast(p.attribution as varchar) as attribution,
  p.licence_ends,
  cast(count(distinct e.person_id) as bigint) as people
from products as p
left join {{ ref('stg_enrichment') }} as e on p.product = e.product
group by p.product, p.attribution, p.licence_ends
