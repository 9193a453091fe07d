{# As other companies hash what they compare: SHA-256 in small hex digits. Nothing has no hash, so it equals nothing. #}
{% macro sha256_of(column) -%}
  lower(to_hex(sha256(to_utf8(nullif({{ column }}, '')))))
{%- endmacro %}

{#
  Who agreed to marketing by a channel, under each value of an identifier that is theirs alone: `person_id` and the
  value. An address or number that several people have belongs to nobody, and of two answers at the same moment the
  withdrawal counts.
#}
{% macro owned_by_who_agreed(identifier, channel) -%}
with answers as (
  select
    m.person_id,
    e.granted,
    row_number() over (partition by m.person_id order by e.occurred_at desc, e.granted asc) as recency
  from {{ ref('customer_events') }} as e
  inner join {{ source('curated', 'identifier_map') }} as m on e.customer_key = m.identifier_key
  where
    e.event_type = 'consent_changed'
    and e.topic = 'marketing'
    and e.channel in ('{{ channel }}', 'any')
    and e.granted is not null
),

found as (
  select distinct
    m.person_id,
    r.{{ identifier }}
  from {{ source('curated', 'identity_map') }} as m
  inner join {{ source('curated', 'identity_records') }} as r on m.record_id = r.record_id
  where m.valid_to is null and r.{{ identifier }} is not null
),

owned as (
  select
    {{ identifier }},
    min(person_id) as person_id
  from found
  group by {{ identifier }}
  having count(*) = 1
),

agreed as (
  select
    o.person_id,
    o.{{ identifier }}
  from owned as o
  inner join answers as a on o.person_id = a.person_id
  where a.recency = 1 and a.granted
)
{%- endmacro %}

{#
  The rows of a shared table that are not to be shared any more: of people who withdrew their consent, were merged or
  erased. A build deletes them by `is_shared`, in the statement that adds the new ones.
#}
{% macro gone_rows(shared, keys, others) -%}
  {%- if is_incremental() %}

union all

select
  {%- for key in keys %}
  k.{{ key }},
  {%- endfor %}
  {%- for column in others %}
  k.{{ column }},
  {%- endfor %}
  false as is_shared
from {{ this }} as k
left join {{ shared }} as s
  on
    {%- for key in keys %}
    k.{{ key }} = s.{{ key }}{{ ' and' if not loop.last }}
    {%- endfor %}
where s.{{ keys[0] }} is null
  {%- endif %}
{%- endmacro %}

{#
  The segments of which a partner may hear: of our own data, as the licences of bought data forbid advertising; and not
  what people told the service desk.
#}
{% macro shared_segments() -%}
  ('active_shoppers', 'high_spenders', 'loyal_silent', 'midwest', 'new_customers', 'window_shoppers')
{%- endmacro %}

{# The segments of which advertising platforms keep an audience, as the settings name them: theirs are the licences. #}
{% macro advertised_segments() -%}
  {%- for segment in env_var('C360_AUDIENCE_SEGMENTS', '').split(',') -%}
    '{{ segment }}'{{ ', ' if not loop.last }}
  {%- endfor -%}
{%- endmacro %}
