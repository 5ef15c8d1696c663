"""The Robustness view: what upsets a network, as a heat map, and the images behind each cell."""
