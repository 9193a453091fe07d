"""What analysts prepare in DataBrew: a data set, a recipe, and the jobs that run it every night."""
