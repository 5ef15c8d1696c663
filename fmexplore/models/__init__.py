"""Networks as tables of layers, and the torch modules that they describe."""
