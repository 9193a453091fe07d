{# Types of events about texts that people may change and take back, and those of them that end a text. #}
{% macro text_events() -%}
  ('review_posted', 'review_edited', 'review_deleted', 'brand_mentioned', 'mention_deleted')
{%- endmacro %}

{% macro text_ends() -%}
  ('review_deleted', 'mention_deleted')
{%- endmacro %}

{# Whether an event is about a review or a mention of the brand. #}
{% macro text_kind(event_type) -%}
  case when {{ event_type }} in ('brand_mentioned', 'mention_deleted') then 'mention' else 'review' end
{%- endmacro %}

{# Which text an event is about; one without an id stands for itself. #}
{% macro text_id(event_type, payload, event_id) -%}
  coalesce(
    json_extract_scalar(
      {{ payload }},
      case when {{ text_kind(event_type) }} = 'mention' then '$.mention_id' else '$.review_id' end
    ),
    'event ' || {{ event_id }}
  )
{%- endmacro %}
