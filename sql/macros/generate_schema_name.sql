{# A zone of the lake is a database: c360_<environment>_<zone>. dbt's own rule would put the target's name before it. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {%- if custom_schema_name is none -%}
    {{ target.schema }}
  {%- else -%}
    c360_{{ env_var('C360_ENVIRONMENT') }}_{{ custom_schema_name }}
  {%- endif -%}
{%- endmacro %}
