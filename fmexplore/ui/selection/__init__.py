"""What the link selects: predictions, maps, areas of a map, compared runs, photos."""
