-- The newest version of each person's profile.
select *
from {{ ref('stg_profile_history') }}
where version_number = version_count
