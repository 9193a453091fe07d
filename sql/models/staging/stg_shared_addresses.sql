-- Whom partners and advertising platforms may find: customers whose newest answer agrees to marketing by e-mail, under the
-- SHA-256 of each address that is theirs alone. Partners compute the same hash of the same normal form.
{{ owned_by_who_agreed('email', 'email') }}

select
  person_id,
  {{ sha256_of('email') }} as email_sha256,
  substr({{ sha256_of('email') }}, 1, 32) as customer_id
from agreed
