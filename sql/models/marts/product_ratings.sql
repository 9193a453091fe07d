-- What the reviews that still stand say of each product: the newest event about a review counts by its own time,
-- whatever came first, and a deletion leaves nothing.
with numbered as (
  select
    *,
    min(told_at) over (partition by source, text_id) as written_at,
    row_number() over (
      partition by source, text_id
      order by told_at desc, if(event_type in {{ text_ends() }}, 0, 1), event_id desc
    ) as recency
  from {{ ref('review_events') }}
  where kind = 'review'
)

select
  product_id,
  count(*) as reviews,
  cast(avg(cast(rating as decimal(6, 4))) as decimal(4, 2)) as rating_average,
  count_if(rating <= 2) as bad_reviews,
  min(written_at) as first_review_at,
  max(told_at) as last_review_at
from numbered
where recency = 1 and event_type not in {{ text_ends() }} and product_id is not null
group by product_id
