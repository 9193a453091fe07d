"""Limits what a workgroup of the warehouse may use, which CloudFormation has no resource for."""
