-- The grain of spend_by_currency, with one main currency per person.
select
  person_id,
  count(*) as currencies
from {{ ref('spend_by_currency') }}
group by person_id
having count(*) > count(distinct currency) or count_if(is_main) <> 1
