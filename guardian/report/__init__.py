"""What happened in one rollout and why, for a post-mortem: values in, text out, nothing else."""
