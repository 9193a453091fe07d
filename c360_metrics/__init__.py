"""The metrics: read from the dbt project, where they stand once, and said in SQL and in QuickSight's expressions."""
