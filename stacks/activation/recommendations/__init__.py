"""Recommendations of articles: by a model of ours, or by Amazon Personalize."""
