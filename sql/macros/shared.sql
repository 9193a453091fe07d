{# As other companies hash what they compare: SHA-256 in small hex digits. Nothing has no hash, so it equals nothing. #}
{% macro sha256_of(column) -%}
  lower(to_hex(sha256(to_utf8(nullif({{ column }}, '')))))
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
