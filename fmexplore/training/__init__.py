"""How a network is trained: configurations, presets, the training loop and its parts."""
