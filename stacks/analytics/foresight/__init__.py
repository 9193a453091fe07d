"""Models on SageMaker that foretell what customers will do: trained, compared, deployed, asked, and watched."""
