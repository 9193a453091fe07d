{#
  The column tells the rows apart: it is never empty and never twice the same. Nor are the columns of `complete` ever
  empty. One query for all of it: on Athena each query reads the table anew, is waited for and is paid for.
#}
{% test is_key(model, column_name, complete=[]) %}
select
  {{ column_name }},
  count(*) as occurrences
from {{ model }}
group by {{ column_name }}
having
  {{ column_name }} is null
  or count(*) > 1
  {%- for column in complete %}
  or count({{ column }}) < count(*)
  {%- endfor %}
{% endtest %}
