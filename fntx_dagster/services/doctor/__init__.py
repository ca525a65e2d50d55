"""What `fntx doctor` checks: one module for each subject, each check independent of the others and bounded in time."""
