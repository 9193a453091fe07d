-- Whether each table of the lake kept its rules when it was checked last, and how often it did not lately.
with checks as (
  select
    zone,
    table_name,
    cast(evaluated_at as timestamp(6)) as checked_at,
    count(*) as rules,
    count_if(outcome = 'failed') as failed_rules,
    count_if(outcome = 'learning') as learning_rules,
    max(case when kind = 'volume' then measured end) as row_count
  from {{ source('products', 'quality_results') }}
  group by zone, table_name, cast(evaluated_at as timestamp(6))
),

newest as (
  select
    *,
    max(checked_at) over (partition by zone, table_name) as newest_at
  from checks
)

select
  zone,
  table_name,
  newest_at as checked_at,
  cast(sum(case when checked_at = newest_at then rules end) as bigint) as rules,
  cast(sum(case when checked_at = newest_at then failed_rules end) as bigint) as failed_rules,
  cast(sum(case when checked_at = newest_at then learning_rules end) as bigint) as learning_rules,
  cast(max(case when checked_at = newest_at then row_count end) as bigint) as row_count,
  count(*) as checks_30_days,
  count_if(failed_rules > 0) as failed_checks_30_days,
  max(case when failed_rules > 0 then checked_at end) as last_failed_at
from newest
where checked_at > newest_at - interval '30' day
group by zone, table_name, newest_at
