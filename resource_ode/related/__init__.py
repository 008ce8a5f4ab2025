"""Models beside the Resource model: one more detailed (Geometry), one simpler (Domino), and the L2 law."""
