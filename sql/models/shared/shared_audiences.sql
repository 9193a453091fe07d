-- Whom advertising platforms may be told of: the members of the segments that the settings name, by what they agreed to
-- be found by, one row an address or a number. No id of ours, and nothing but hashes.
{{ config(unique_key=['segment', 'kind', 'google_sha256']) }}
with identifiers as (
  select
    person_id,
    'email' as kind,
    email_sha256 as google_sha256,
    email_sha256 as meta_sha256
  from {{ ref('stg_shared_addresses') }}
  union all
  select
    person_id,
    'phone' as kind,
    e164_sha256 as google_sha256,
    digits_sha256 as meta_sha256
  from {{ ref('stg_shared_numbers') }}
),

shared as (
  select distinct
    cast(m.segment as varchar) as segment,
    cast(i.kind as varchar) as kind,
    i.google_sha256,
    i.meta_sha256
  from identifiers as i
  inner join {{ ref('segment_membership') }} as m on i.person_id = m.person_id
  where m.segment in ({{ advertised_segments() }})
)

select
  segment,
  kind,
  google_sha256,
  meta_sha256,
  true as is_shared
from shared
{{- gone_rows('shared', ['segment', 'kind', 'google_sha256'], ['meta_sha256']) }}
