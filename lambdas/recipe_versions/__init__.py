"""Publishes recipes of DataBrew, which CloudFormation has no resource for."""
