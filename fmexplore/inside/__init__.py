"""What happens inside a network for an image: maps, receptive fields, sums, channels, attributions, cues."""
