SELECT said AS credit_band, count(DISTINCT person_id) AS people FROM said WHERE product = 'credit_bands' GROUP BY said
