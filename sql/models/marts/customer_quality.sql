-- What is odd about a customer: a row for people to look into, never a reason to keep everybody's marts back.
with known as (
  select
    m.person_id,
    d.*
  from {{ ref('interactions_by_key_day') }} as d
  inner join {{ source('curated', 'identifier_map') }} as m on d.customer_key = m.identifier_key
),

currencies as (
  select
    person_id,
    currency,
    spend,
    first_event_at,
    row_number() over (partition by person_id order by first_event_at, currency) as position
  from {{ ref('spend_by_currency') }}
  where currency <> 'XXX'
)

select
  person_id,
  'several_currencies' as check,
  array_join(array_agg(currency || ' ' || cast(spend as varchar) order by position), ', ') as detail,
  min(case when position > 1 then first_event_at end) as since
from currencies
group by person_id
having count(*) > 1

union all

select
  person_id,
  'amount_without_currency' as check,
  cast(sum(amount) as varchar) as detail,
  min(first_event_at) as since
from known
where currency = 'XXX' and amount is not null
group by person_id

union all

select
  person_id,
  'event_id_used_twice' as check,
  cast(sum(conflicts) as varchar) || ' deliveries differ from the first one of their id' as detail,
  min(first_event_at) as since
from known
where conflicts > 0
group by person_id

union all

select
  person_id,
  'unreadable_satisfaction' as check,
  cast(sum(unreadable) as varchar) || ' closed cases; a satisfaction is a number from 1 to 5' as detail,
  min(first_event_at) as since
from known
where unreadable > 0
group by person_id

union all

select
  k.person_id,
  'no_current_record' as check,
  'the map of identifiers names the person, the map of records does not' as detail,
  min(k.first_event_at) as since
from known as k
left join {{ ref('stg_persons') }} as p on k.person_id = p.person_id
where p.person_id is null
group by k.person_id

union all

-- While events are on their way the two may differ for a moment.
select
  a.person_id,
  'profile_disagrees' as check,
  'profile ' || cast(p.spend as varchar) || ', interactions ' || cast(a.spend as varchar) as detail,
  a.last_event_at as since
from {{ ref('person_activity') }} as a
inner join {{ ref('profile_states') }} as p on a.person_id = p.person_id
where a.currencies = 1 and p.spend <> a.spend
