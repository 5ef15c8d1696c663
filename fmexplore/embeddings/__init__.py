"""Images as vectors: features of a layer, neighbours, projections to a map and their quality."""
