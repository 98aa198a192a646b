"""What each command takes and its help, by click alone; `guardian.cli` has what it does."""
