-- How many people live in households of each credit band. The band of a single person is in no mart.
select
  said as credit_band,
  cast(count(distinct person_id) as bigint) as people
from {{ ref('stg_enrichment') }}
where product = 'credit_bands'
group by said
