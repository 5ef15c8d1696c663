"""From a photo of clothes to an image like those of Fashion-MNIST."""
