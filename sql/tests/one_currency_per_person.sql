-- Amounts are added per person: two currencies under one person would make a number without a meaning.
select
  person_id,
  spend
from {{ ref('person_activity') }}
where currency is null and (orders > 0 or returns > 0)
