-- In which segments they are now.
{{ config(unique_key=['email_sha256', 'segment']) }}
with shared as (
  select distinct
    a.email_sha256,
    a.customer_id,
    m.segment
  from {{ ref('stg_shared_addresses') }} as a
  inner join {{ ref('segment_membership') }} as m on a.person_id = m.person_id
  where m.segment in {{ shared_segments() }}
)

select
  email_sha256,
  segment,
  customer_id,
  true as is_shared
from shared
{{- gone_rows('shared', ['email_sha256', 'segment'], ['customer_id']) }}
