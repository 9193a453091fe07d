{#
  When the newest row that this table is made of arrived (or was computed), less `reprocess_days`: what came since then
  is read again, because a row is in the lake a while after it came, up to the time that a stream keeps it. A literal, so that
  Athena reads only these days of the source. An arrival in the future, by somebody's wrong clock, is no arrival. For a
  test, which is no table itself, say the `relation` whose newest row counts.
#}
{% macro reread_from(column='last_received_at', relation=none) -%}
  {%- set question -%}
    select cast(cast(max({{ column }}) as timestamp(6)) - interval '{{ var("reprocess_days") }}' day as varchar)
    from {{ relation or this }}
    where {{ column }} <= cast(current_timestamp as timestamp(6))
  {%- endset -%}
  {%- set newest = run_query(question).columns[0].values()[0] if execute else none -%}
  {{- "timestamp '" ~ (newest or '1970-01-01 00:00:00') ~ " UTC'" -}}
{%- endmacro %}

{#
  The days on which something happened that has arrived since, as runs of days without a gap: pairs of the first day and
  the day after the last.
#}
{% macro touched_days(source) -%}
  {%- set question -%}
    with days as (
      select distinct cast(cast(occurred_at as timestamp(6)) as date) as happened_on
      from {{ source }}
      where received_at >= {{ reread_from() }}
    ),

    runs as (
      select
        happened_on,
        date_add('day', -row_number() over (order by happened_on), happened_on) as run
      from days
    )

    select
      cast(min(happened_on) as varchar) as first_day,
      cast(date_add('day', 1, max(happened_on)) as varchar) as day_after
    from runs
    group by run
    order by 1
  {%- endset -%}
  {%- set runs = run_query(question).rows if execute else [] -%}
  {#- A statement has a length: of very many runs, the whole time between the first and the last is read. -#}
  {%- if runs | length > 500 -%}
    {{ return([[runs[0][0], runs[-1][1]]]) }}
  {%- endif -%}
  {{ return(runs) }}
{%- endmacro %}

{#
  A condition on a column, in a form from which files are chosen: its day is in one of the runs. For a time with a zone;
  for a date say `type='date', clock=''`.
#}
{% macro within_days(column, runs, type='timestamp', clock=' 00:00:00 UTC') -%}
  (
    {%- for run in runs %}
    ({{ column }} >= {{ type }} '{{ run[0] }}{{ clock }}' and {{ column }} < {{ type }} '{{ run[1] }}{{ clock }}')
    {{- ' or' if not loop.last }}
    {%- else %}
    false
    {%- endfor %}
  )
{%- endmacro %}

{# What AWS's optimizers do for the tables of the templates: merge small files, forget old snapshots. #}
{% macro merge_files() -%}
  {%- if is_incremental() -%} optimize {{ this.schema }}.{{ this.identifier }} rewrite data using bin_pack {%- endif -%}
{%- endmacro %}

{% macro forget_snapshots() -%}
  {%- if is_incremental() -%} vacuum {{ this.schema }}.{{ this.identifier }} {%- endif -%}
{%- endmacro %}

{# A time of arrival, or nothing for one in the future, by somebody's wrong clock. #}
{% macro arrived(column) -%}
  case when {{ column }} <= cast(current_timestamp as timestamp(6)) then {{ column }} end
{%- endmacro %}
