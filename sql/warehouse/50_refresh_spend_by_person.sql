-- What has come in since is added up.
REFRESH MATERIALIZED VIEW warehouse.spend_by_person;
