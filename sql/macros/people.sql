{#
  The person of now behind an identifier: the map's, or for an unknown customer, who is a person of its own until
  stitched, the id that the stream job gives it.
#}
{% macro person_of(customer_key, mapped_person) -%}
  coalesce({{ mapped_person }}, 'a_' || substr(split_part({{ customer_key }}, ':', 2), 1, 26))
{%- endmacro %}
