"""What tells people; one module a notifier. The folder is the registry."""
