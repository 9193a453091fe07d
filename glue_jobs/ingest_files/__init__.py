"""One landed CSV file: checked, quarantined where it breaks its contract, loaded, published as events."""
