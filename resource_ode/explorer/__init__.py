"""A model under one's hands: sliders, its graph, levels and shares, and a map whose cells open the run behind them."""
