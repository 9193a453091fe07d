-- What customers say: satisfaction with closed cases (1 to 5) and whether they would recommend us (0 to 10, the score
-- `nps`), by month and source. Every answer counts, of everybody; what is no such number is no answer.
with answers as (
  select
    cast(date_trunc('month', e.occurred_at) as date) as month,
    e.topic as question,
    e.source,
    m.person_id is not null as is_known,
    e.score,
    case e.topic when 'csat' then e.score >= 4 else e.score >= 9 end as is_positive,
    case e.topic when 'csat' then e.score <= 2 else e.score <= 6 end as is_negative
  from {{ ref('customer_events') }} as e
  left join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
  where
    (e.event_type = 'case_closed' and e.score is not null)
    or (e.event_type = 'score_computed' and e.topic = 'nps' and e.score between 0 and 10 and e.score = floor(e.score))
)

select
  month,
  question,
  source,
  count(*) as answers,
  count_if(is_known) as known_answers,
  count_if(is_positive) as positive,
  count_if(not is_positive and not is_negative) as neutral,
  count_if(is_negative) as negative,
  cast(sum(score) as decimal(38, 4)) as score_sum,
  cast(sum(score) / count(*) as decimal(6, 4)) as average_score,
  case
    when question = 'nps'
      then cast(cast(100 * (count_if(is_positive) - count_if(is_negative)) as decimal(18, 6)) / count(*) as decimal(6, 2))
  end as net_promoter_score
from answers
group by month, question, source
