"""The Inside page: the way of one image through a network, and the choice of the other views."""
