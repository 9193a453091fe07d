-- What Entity Resolution compares with a partner's records: the newest record behind each shared address, every value
-- as its SHA-256. Plain Parquet, because the service reads no Iceberg table; each build replaces the one partition.
{{
  config(
    incremental_strategy='insert_overwrite',
    table_type='hive',
    partitioned_by=['build'],
    delete_condition=none,
    insert_condition=none,
  )
}}
with records as (
  select
    a.customer_id,
    r.first_name,
    r.last_name,
    r.birth_date,
    r.street,
    r.postal_code,
    r.email,
    r.phone,
    row_number() over (partition by a.customer_id order by r.updated_at desc, r.record_id asc) as recency
  from {{ ref('stg_shared_addresses') }} as a
  inner join {{ source('curated', 'identity_map') }} as m on a.person_id = m.person_id
  inner join {{ source('curated', 'identity_records') }} as r on m.record_id = r.record_id
  where m.valid_to is null and a.email_sha256 = {{ sha256_of('r.email') }}
)

select
  customer_id,
  {{ sha256_of('first_name') }} as first_name,
  {{ sha256_of('last_name') }} as last_name,
  {{ sha256_of('cast(birth_date as varchar)') }} as birth_date,
  {{ sha256_of('street') }} as street,
  {{ sha256_of('postal_code') }} as postal_code,
  {{ sha256_of('email') }} as email,
  {{ sha256_of('phone') }} as phone,
  'all' as build
from records
where recency = 1
