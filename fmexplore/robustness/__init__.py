"""What upsets a network: images that are changed on purpose, and how often it is right about them."""
