"""Where numbers come from; one module a source. The folder is the registry."""
