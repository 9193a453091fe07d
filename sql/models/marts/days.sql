-- Every day from the oldest history to a year from now: by it a day on which nothing happened has a place in a series.
select cast(d.day as date) as day
from unnest(sequence(date '2020-01-01', current_date + interval '365' day, interval '1' day)) as d (day)
