{# First letter and top-level domain: enough to recognise one's own address, too little to write to it. #}
{% macro masked_email(column) -%}
  regexp_replace({{ column }}, '^(.).*@.*\.([^.]+)$', '$1***@***.$2')
{%- endmacro %}

{# The last four digits. #}
{% macro masked_phone(column) -%}
  '***' || substr({{ column }}, greatest(length({{ column }}) - 3, 1))
{%- endmacro %}
