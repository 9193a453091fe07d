SELECT person_id, segment, since FROM members
