{#
  Quintile 1 to 5 of a value among all rows, 5 for the highest; equal values get the same quintile.
  Whole numbers throughout, so that no rounding moves a row over a border.
#}
{% macro quintile(column) -%}
  cast(
    least(
      5,
      1 + (rank() over (order by {{ column }}) - 1) * 5 / greatest(count(*) over () - 1, 1)
    ) as integer
  )
{%- endmacro %}
