-- A model cannot be made under a name that is taken. Nobody asks it in between: the scores stay.
DROP MODEL IF EXISTS warehouse.churn;
