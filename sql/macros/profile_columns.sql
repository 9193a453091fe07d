{# Written by `python -m tools.contracts` from contracts/profiles.odcs.yaml: change the columns there. #}

{# Read from the lake, masked. #}
{% macro profile_columns_of_lake(row) -%}
  {{ masked_email(row ~ '.email') }} as email_masked,
  {{ masked_phone(row ~ '.phone') }} as phone_masked,
  cast({{ row }}.state as varchar) as state,
  cast({{ row }}.language as varchar) as language,
  cast({{ row }}.time_zone as varchar) as time_zone,
  cast({{ row }}.record_count as bigint) as record_count,
  cast({{ row }}.spend as decimal(38,2)) as spend,
  cast({{ row }}.loyalty_points as bigint) as loyalty_points,
  cast({{ row }}.loyalty_tier as varchar) as loyalty_tier
{%- endmacro %}

{# All of them, by their names in the marts. #}
{% macro profile_columns(row) -%}
  {{ row }}.email_masked,
  {{ row }}.phone_masked,
  {{ row }}.state,
  {{ row }}.language,
  {{ row }}.time_zone,
  {{ row }}.record_count,
  {{ row }}.spend,
  {{ row }}.loyalty_points,
  {{ row }}.loyalty_tier
{%- endmacro %}

{# Who the customer is. #}
{% macro profile_attributes(row) -%}
  {{ row }}.email_masked,
  {{ row }}.phone_masked,
  {{ row }}.state,
  {{ row }}.language,
  {{ row }}.time_zone
{%- endmacro %}

{# What else is known of the customer and is not computed from the interactions. #}
{% macro profile_facts(row) -%}
  {{ row }}.loyalty_points,
  {{ row }}.loyalty_tier
{%- endmacro %}
