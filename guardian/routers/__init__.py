"""What moves traffic; one module a router. The folder is the registry."""
