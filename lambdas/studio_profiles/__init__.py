"""Sets up the profiles of SageMaker Studio as CloudFormation cannot, and empties them before they go."""
