{#
  Quintile 1 to 5 of a value among all rows, or among those that are equal in `among`; 5 for the highest. Equal values
  get the same quintile. Whole numbers throughout, so that no rounding moves a row over a border.
#}
{% macro quintile(column, among=none) -%}
  {%- set rows = 'partition by ' ~ among ~ ' ' if among else '' -%}
  cast(
    least(
      5,
      1
      + (rank() over ({{ rows }}order by {{ column }}) - 1)
      * 5 / greatest(count(*) over ({{ rows | trim }}) - 1, 1)
    ) as integer
  )
{%- endmacro %}
