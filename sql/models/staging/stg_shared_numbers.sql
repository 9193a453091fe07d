-- Whom advertising platforms may find by phone: customers whose newest answer agrees to marketing by text message, under
-- each number that is theirs alone. Google hashes it in E.164, with the plus sign; Meta hashes the digits.
{{ owned_by_who_agreed('phone', 'sms') }}

select
  person_id,
  {{ sha256_of('phone') }} as e164_sha256,
  {{ sha256_of('substr(phone, 2)') }} as digits_sha256
from agreed
