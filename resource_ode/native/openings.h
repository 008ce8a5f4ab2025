// How far skills are open, from the gates that they wait for; and a coarse solve of a graph with it.

// How far a skill is open in a vector of panels: the product of the gates before it, or the largest; 1 if there are none.
template <int64_t COUNT, class Law>
INLINE void open(const Graph<Law> &graph, int64_t s, const double *gates, int64_t panels, int64_t p,
                 Vector (&values)[COUNT]) {
    const bool largest_counts = graph.largest_counts(s);
#pragma GCC unroll 8
    for (int64_t node = 0; node < COUNT; node++) values[node] = all(largest_counts ? 0.0 : 1.0);
    for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) {
        const double *gate = gates + graph.behind[f] * COUNT * panels + p;
        if (!graph.strength.empty()) {
#pragma GCC unroll 8
            for (int64_t node = 0; node < COUNT; node++) {
                const Vector own = graph.needs(f, load(gate + node * panels));
                values[node] = largest_counts ? larger(values[node], own) : values[node] * own;
            }
        } else if (largest_counts) {
#pragma GCC unroll 8
            for (int64_t node = 0; node < COUNT; node++) values[node] = larger(values[node], load(gate + node * panels));
        } else {
#pragma GCC unroll 8
            for (int64_t node = 0; node < COUNT; node++) values[node] *= load(gate + node * panels);
        }
    }
}

// Exposures (skill, edge) to a few per cent.
template <class Law>
void coarse_solve(const Graph<Law> &graph, const Rule &rule, const double *edges, int64_t panels, double *gates,
                  double *exposure, int64_t stride) {
    for (int64_t s : graph.order) {
        double *x = exposure + s * stride, *gate = gates + s * COARSE_NODES * panels;
        // the place of the gates holds the exposures since the left edge until these are known
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector opening[COARSE_NODES];
            open(graph, s, gates, panels, p, opening);
            const Vector half = (load(edges + p + 1) - load(edges + p)) * 0.5;
            store(x + p + 1, half * dot(rule.coarse_weights, opening));
#pragma GCC unroll 4
            for (int64_t node = 0; node < COARSE_NODES; node++)
                store(gate + node * panels + p,
                      not_negative(half * dot(rule.coarse_cumulative + node * COARSE_NODES, opening)));
        }
        x[0] = 0.0;
        for (int64_t p = 0; p < panels; p++) x[p + 1] += x[p];
        for (int64_t p = 1; p < LANES; p++) x[panels + p] = x[panels];  // the last vector is read whole
        if (!graph.needed[s]) continue;
        const Pace pace = graph.paces[s];
        for (int64_t p = 0; p < panels; p += LANES) {
            const Vector here = load(x + p);
#pragma GCC unroll 4
            for (int64_t node = 0; node < COARSE_NODES; node++) {
                double *at = gate + node * panels + p;
                store(at, rough_saturation(graph.exponent * graph.law.rough_depth(pace.effort(here + load(at)))));
            }
        }
    }
}
