"""What a network predicts, and every figure that follows from its predictions."""
