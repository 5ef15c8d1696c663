"""What is computed with a trained network while someone waits, in a process of its own."""
