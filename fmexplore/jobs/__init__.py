"""The queue of trainings, its worker processes and tasks, and what it allows whom."""
