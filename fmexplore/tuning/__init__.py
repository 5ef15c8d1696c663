"""Hyperparameter search: what may vary, studies with their trials, and the driver that trains them."""
