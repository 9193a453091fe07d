-- What the stream still has is read at once; from then on Redshift reads what comes in.
REFRESH MATERIALIZED VIEW warehouse.live_interaction;
