-- A row of a mart is one of its grain, and no part of the grain is empty. One statement for all of them: on Athena each
-- statement is waited for. The columns are those of `meta.grain`, which a test of ours compares.
{%- set grains = [
  (ref('customer_360'), ['person_id']),
  (ref('person_activity'), ['person_id']),
  (ref('spend_by_currency'), ['person_id', 'currency']),
  (ref('customer_quality'), ['person_id', 'check']),
  (ref('rfm'), ['person_id']),
  (ref('spend_by_segment_month'), ['month', 'segment', 'currency']),
  (ref('segment_membership'), ['person_id', 'segment']),
  (ref('decisions'), ['decision_id']),
  (ref('product_ratings'), ['product_id']),
  (ref('product_interactions'), ['person_id', 'source', 'event_id', 'product_id']),
  (ref('products_sold'), ['product_id']),
  (ref('enrichment_coverage'), ['product']),
  (ref('people_by_credit_band'), ['credit_band']),
  (ref('interactions_by_day'), ['day', 'source', 'event_type']),
  (ref('orders_by_day'), ['day', 'source', 'currency']),
  (ref('customer_lifetime'), ['person_id']),
  (ref('funnel_by_month'), ['month', 'is_known']),
  (ref('cohort_retention'), ['cohort_month', 'currency', 'months_since']),
  (ref('consent_coverage'), ['purpose', 'channel']),
  (ref('customer_timeline'), ['person_id', 'day', 'source', 'event_type']),
  (ref('customer_consents'), ['person_id', 'purpose', 'channel']),
  (ref('customer_identity'), ['person_id', 'kind', 'name']),
  (ref('identity_quality'), ['source']),
  (ref('days'), ['day']),
  (ref('satisfaction_by_month'), ['month', 'question', 'source']),
  (ref('churn_features'), ['person_id', 'cut_on']),
  (ref('message_answers'), ['person_id', 'message_id']),
  (ref('offer_features'), ['person_id', 'cut_on', 'department']),
  (ref('segment_overlap'), ['segment', 'other_segment']),
  (ref('segment_movement'), ['day', 'segment']),
  (ref('attribution'), ['month', 'currency', 'touch']),
  (ref('lift'), ['kind', 'name', 'variant']),
  (ref('data_quality'), ['zone', 'table_name']),
] %}
{%- for mart, columns in grains %}
select
  '{{ mart.identifier }}' as mart,
  count(*) as doubled
from {{ mart }}
group by {% for column in columns %}"{{ column }}"{{ ', ' if not loop.last }}{% endfor %}
having count(*) > 1{% for column in columns %} or "{{ column }}" is null{% endfor %}
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
