{# Written by `python -m tools.contracts.plays` from contracts/plays.yaml: change the plays there. #}

{# Share of the people whom a play holds out; empty for one that holds out nobody. #}
{% macro holdout_of(name) -%}
  cast(null as double)
{%- endmacro %}
