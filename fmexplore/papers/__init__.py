"""What the published systems report, their trainings repeated, and a verdict on each claim."""
