-- Amounts are added per person: two currencies under one person would make a number without a meaning.
select
  person_id,
  count(distinct currency) as currencies
from {{ ref('stg_interactions') }}
where amount is not null
group by person_id
having count(distinct currency) > 1
