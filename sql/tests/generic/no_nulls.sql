{# None of the columns is ever empty. One query, however many they are: on Athena each is paid for and waited for. #}
{% test no_nulls(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where {{ columns | join(' is null or ') }} is null
{% endtest %}
