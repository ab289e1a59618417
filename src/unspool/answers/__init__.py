"""From raw answers to what a person reads: units, stamps, labels. Numpy alone, so that live and offline agree."""
