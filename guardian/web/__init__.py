"""What can be asked of a running guardian over HTTP."""
