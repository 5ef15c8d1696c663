"""Galleries of images, and the card of one."""
