{# Satisfaction from 1 to 5, or nothing: a value that is no such number stays out of the sums and never ends a build. #}
{% macro csat_of(payload) -%}
  case
    when try_cast(json_extract_scalar({{ payload }}, '$.csat') as decimal(6, 4)) between 1 and 5
      then try_cast(json_extract_scalar({{ payload }}, '$.csat') as decimal(6, 4))
  end
{%- endmacro %}

{# Whether a payload has something under a name; JSON's own null is nothing. #}
{% macro has_value(payload, name) -%}
  coalesce(json_format(json_extract({{ payload }}, '$.{{ name }}')), 'null') <> 'null'
{%- endmacro %}
