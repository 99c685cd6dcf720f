"""What a user would take or write instead, each in its best set-up and its own environment."""
