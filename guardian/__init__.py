"""guardian watches a release while it goes live on AWS and takes it back when it hurts users."""

__version__ = "0.1.0"
