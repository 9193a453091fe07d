{#
  The table kept its rules when it was checked last. A table that did not is no basis for what is shown to others: dbt
  skips every model that depends on it, and builds the rest. A table that was never checked is built from.

  The results are read by their name, and not as a source of dbt: a test of two sources would hold back only what depends on both.
#}
{% test keeps_its_rules(model, zone, table) %}
with of_table as (
  select rule, reason, outcome, evaluated_at
  from c360_{{ env_var('C360_ENVIRONMENT') }}_products.quality_results
  where zone = '{{ zone }}' and table_name = '{{ table }}'
)
select rule, reason
from of_table
where
  outcome = 'failed'
  and evaluated_at = (select max(evaluated_at) from of_table)
{% endtest %}
