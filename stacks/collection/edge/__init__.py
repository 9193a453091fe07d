"""The edge of the collector: CloudFront, its web ACL, and the secret by which the collector knows it."""
