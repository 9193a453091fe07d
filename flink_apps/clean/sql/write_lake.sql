INSERT INTO @{lake_interactions} (@{lake_columns})
SELECT @{lake_columns} FROM cleaned
