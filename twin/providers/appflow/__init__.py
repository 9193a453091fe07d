"""Amazon AppFlow: the deployed flows, run against vendors' systems on this machine."""
