{#
  What the marts read of an event's payload, each in one place. Whatever cannot be read is nothing, and never ends a build.
#}

{# Types of events that `customer_events` keeps; a visit is kept whatever began it. #}
{% macro told_events() -%}
  (
    'order_placed', 'order_returned', 'consent_changed', 'case_closed', 'score_computed', 'page_viewed',
    'message_sent', 'message_delivered', 'message_opened', 'message_clicked', 'message_bounced', 'message_complained',
    'offer_shown', 'offer_redeemed', 'custom_event'
  )
{%- endmacro %}

{# Channel of a message or of an answer about consent; for a page, the medium of the campaign that led to it. #}
{% macro event_channel(event_type, payload) -%}
  case
    when {{ event_type }} = 'consent_changed' or {{ event_type }} like 'message_%'
      then json_extract_scalar({{ payload }}, '$.channel')
    when {{ event_type }} = 'page_viewed'
      then {{ url_parameter(payload, 'utm_medium') }}
  end
{%- endmacro %}

{# Which message, offer, campaign of a page or experiment an event is about. #}
{% macro event_campaign(event_type, payload) -%}
  case
    when {{ event_type }} = 'message_sent' then json_extract_scalar({{ payload }}, '$.template')
    when {{ event_type }} in ('offer_shown', 'offer_redeemed') then json_extract_scalar({{ payload }}, '$.offer_id')
    when {{ event_type }} = 'page_viewed' then {{ url_parameter(payload, 'utm_campaign') }}
    when {{ is_experiment(event_type, payload) }}
      then coalesce(
        json_extract_scalar({{ payload }}, '$.properties.experiment_id'),
        json_extract_scalar({{ payload }}, '$.properties.experimentId')
      )
  end
{%- endmacro %}

{# Which variant of an experiment somebody saw. #}
{% macro event_variant(event_type, payload) -%}
  case
    when {{ is_experiment(event_type, payload) }}
      then coalesce(
        json_extract_scalar({{ payload }}, '$.properties.variation_id'),
        json_extract_scalar({{ payload }}, '$.properties.variationId')
      )
  end
{%- endmacro %}

{# Purpose of a consent, name of a score; a closed case speaks of csat. #}
{% macro event_topic(event_type, payload) -%}
  case {{ event_type }}
    when 'consent_changed' then json_extract_scalar({{ payload }}, '$.purpose')
    when 'score_computed' then json_extract_scalar({{ payload }}, '$.score')
    when 'case_closed' then 'csat'
  end
{%- endmacro %}

{# Satisfaction of a closed case, or the value of a score. #}
{% macro event_score(event_type, payload) -%}
  case {{ event_type }}
    when 'case_closed' then cast({{ csat_of(payload) }} as decimal(18, 6))
    when 'score_computed' then try_cast(json_extract_scalar({{ payload }}, '$.value') as decimal(18, 6))
  end
{%- endmacro %}

{# The event of the e-commerce vocabulary that says which variant of an experiment somebody saw. #}
{% macro is_experiment(event_type, payload) -%}
  {{ event_type }} = 'custom_event' and lower(json_extract_scalar({{ payload }}, '$.name')) = 'experiment viewed'
{%- endmacro %}

{# A parameter of a page's address, as it stands there. #}
{% macro url_parameter(payload, name) -%}
  nullif(lower(regexp_extract(json_extract_scalar({{ payload }}, '$.url'), '[?&]{{ name }}=([^&#]*)', 1)), '')
{%- endmacro %}

{#
  The touch that an event is for attribution, one of `touches()`: a message that was opened or clicked by its channel, an
  offer that was shown, a visit that a campaign led to, any other visit. A message that was only sent is none, since
  nobody knows whether it was seen.
#}
{% macro touch_of(event_type, session_start, channel, campaign) -%}
  case
    when {{ event_type }} in ('message_opened', 'message_clicked') and {{ channel }} in ('email', 'sms', 'push', 'in_app')
      then {{ channel }}
    when {{ event_type }} = 'offer_shown' then 'offer'
    when {{ event_type }} = 'page_viewed' and coalesce({{ channel }}, {{ campaign }}) is not null then 'campaign'
    when coalesce({{ session_start }}, false) then 'visit'
  end
{%- endmacro %}

{# Every touch, in the order of their bits. #}
{% macro touches() -%}
  {{ return(['email', 'sms', 'push', 'in_app', 'offer', 'campaign', 'visit']) }}
{%- endmacro %}
