"""Where entries are kept; one module a journal. The folder is the registry."""
