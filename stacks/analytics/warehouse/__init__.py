"""The warehouse: Redshift Serverless, what it may use, and how it is loaded."""
