"""The predictions of a network, and every metric that follows from them."""
