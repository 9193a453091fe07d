INSERT INTO @{interactions} (@{interaction_columns})
SELECT @{interaction_columns} FROM cleaned
