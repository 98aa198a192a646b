"""How a criterion is judged: what was counted, what it proves, and what is said of it."""
