"""Fashion-MNIST: found, fetched, checked, loaded and divided."""
