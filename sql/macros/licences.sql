{# Written by `python -m tools.contracts` from the licences of contracts: change the terms there. #}

{# Whether the licence of a product holds today. #}
{% macro licensed(product) -%}
  {%- set ends = {
    'advertising_audiences': '2036-01-01',
    'credit_bands': '2036-01-01',
    'demographics': '2036-01-01',
  } -%}
  current_date < date '{{ ends[product] }}'
{%- endmacro %}

{# Product, attribution and end of each licence. #}
{% macro licence_terms() -%}
  ('advertising_audiences', 'Audiences by Example Advertising Network.', date '2036-01-01'),
  ('credit_bands', 'Credit bands by Example Credit Bureau.', date '2036-01-01'),
  ('demographics', 'Household facts by Example Household Data.', date '2036-01-01')
{%- endmacro %}
