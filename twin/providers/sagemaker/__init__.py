"""SageMaker, as far as it concerns the domain of the template: its profiles, their spaces and their apps."""
