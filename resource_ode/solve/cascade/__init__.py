"""The solve in resource time, where every graph is a feed-forward cascade."""
