{# Each of the columns is a number from the lowest to the highest, and never empty. #}
{% test within(model, columns, lowest, highest) %}
select {{ columns | join(', ') }}
from {{ model }}
where
  {%- for column in columns %}
  {{ column }} is null or {{ column }} < {{ lowest }} or {{ column }} > {{ highest }}{{ ' or' if not loop.last }}
  {%- endfor %}
{% endtest %}
