"""The solve in resource time, where every graph is a feed-forward cascade.

`quadrature` solves one graph between given panel edges; `trajectories` and `times` place the edges and read the clock.
`sharing` finds which members of a batch share a cascade; `batch` gives the rows to a backend (`backend` is the
contract; `arrays`, `compiled` and `gpu` fulfil it), and what stays unsure to the general solver.
"""
