"""What happens to a rollout: what is journalled, the state that this makes, and what comes next."""
