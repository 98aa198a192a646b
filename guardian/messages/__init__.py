"""What people and machines are told: the table of notices, and one rendering of each thing."""
