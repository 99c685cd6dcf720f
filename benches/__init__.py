"""What it costs, beside what one would write or take instead."""
