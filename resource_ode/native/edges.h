// Where the edges of panels lie.

// Edges 0, ..., last, even in log(1 + tau/first); `along` is that logarithm.
inline void logarithmic_edges(double first, double last, int64_t panels, double *edges, double *along) {
    const double step = std::log1p(last / first) / static_cast<double>(panels);
    for (int64_t k = 0; k <= panels; k++) along[k] = static_cast<double>(k) * step;
    for (int64_t k = 0; k <= panels; k += LANES) store(edges + k, first * growth(load(along + k)));
    edges[panels] = last;
}

// `cascade.even_edges`: edges that share the work out evenly, up to edge `last` of the coarse ones.
template <class Law>
void even_edges(const Graph<Law> &graph, const Constants &by, const double *coarse, const double *along, const double *exposure,
                int64_t stride, int64_t last, int64_t panels, double *measure, double *edges) {
    const double first = 1 / graph.quickest, per_through = graph.per_through(by), per_begin = 1 / by.begins;
    for (int64_t k = 0; k <= last; k += LANES) {
        Vector total = all(0.0), product = all(1.0);
        for (int64_t s : graph.order) {
            const Pace &pace = graph.paces[s];
            const Vector x = load(exposure + s * stride + k);
            Vector grown = pace.paced ? pace.effort(x) - pace.start : pace.rate * x;
            // with a plateau it is log-depth that is followed: little happens before it begins to grow
            if (Law::GROWS) grown = graph.law.depth(pace.start + grown) - graph.law.depth(all(pace.start));
            product *= (1.0 + grown * per_begin) / (1.0 + grown * per_through);
            // one logarithm for as many factors as a number holds
            if (largest(product) > 1e200) {
                for (int64_t lane = 0; lane < LANES; lane++) total[lane] += std::log(product[lane]);
                product = all(1.0);
            }
        }
        for (int64_t lane = 0; lane < LANES; lane++) total[lane] += std::log(product[lane]);
        store(measure + k, load(along + k) + total * (by.part * graph.part_of_each(by)));
    }
    int64_t at = 0;
    edges[0] = 0.0;
    const double step = measure[last] / static_cast<double>(panels);
    for (int64_t k = 1; k < panels; k++) {
        const double wanted = step * static_cast<double>(k);
        while (at < last - 1 && measure[at + 1] <= wanted) at++;
        const double part = (wanted - measure[at]) / (measure[at + 1] - measure[at]);
        edges[k] = along[at] + part * (along[at + 1] - along[at]);
    }
    for (int64_t k = 0; k < panels; k += LANES) store(edges + k, first * growth(load(edges + k)));
    edges[panels] = coarse[last];
}

// Panels of a graph's first solve: `usual`, and more where skills wait for many others, since products of many gates
// open steeply.
template <class Law>
int64_t panels_for(const Graph<Law> &graph, const Constants &by, const double *exposure, int64_t stride, int64_t last, int64_t usual,
                   int64_t most) {
    const double per_through = graph.per_through(by), per_begin = 1 / by.begins;
    double steep = 0.0;
    for (int64_t s : graph.order) {
        const double grown = graph.paces[s].rate * exposure[s * stride + last];
        if (graph.count(s) && !graph.either[s])
            steep += static_cast<double>(graph.count(s)) *
                     std::log((1 + grown * per_begin) / (1 + grown * per_through));
    }
    const double wanted = static_cast<double>(usual) * (by.fewer + by.steeper * graph.part_of_each(by) * steep);
    if (!(wanted > static_cast<double>(usual))) return usual;  // nor for what is not a number
    if (wanted >= static_cast<double>(most)) return most;
    return (static_cast<int64_t>(wanted) + LANES - 1) / LANES * LANES;
}

// Panels of the first solve, from those made for another tolerance: the error of a quadrature falls with about the 15th
// power of their number. `more` times as many for estimates that are larger.
inline int64_t panels_at(const Options &options, double tolerance, double more) {
    const double finer = std::pow(options.made_for / std::max(tolerance, 1e-30), 1.0 / 15);
    // a tolerance may be a little off its decimal number
    const double vectors = std::ceil(static_cast<double>(options.panels) * more * finer / LANES - 1e-3);
    const double most = static_cast<double>(options.most_panels);
    return static_cast<int64_t>(std::max(std::min(vectors * LANES, most), static_cast<double>(LANES)));
}

// `cascade.refine_edges`: more panels, the additional ones where the error is.
inline void refine_edges(const double *edges, const double *panel_error, int64_t old, int64_t panels, double *finer) {
    const double last = edges[old];
    double total = 0.0, first = last;
    for (int64_t p = 0; p < old; p++) total += std::cbrt(panel_error[p]) + 1e-30;
    for (int64_t p = 0; p <= old; p++)
        if (edges[p] > 0) first = std::min(first, edges[p]);
    const double least = std::max(first / 8, TINY);
    std::vector<double> position(static_cast<size_t>(old + 1)), scale(static_cast<size_t>(old + 1));
    position[0] = 0.0, scale[0] = std::log(least);
    for (int64_t p = 0; p < old; p++) {
        const double share = (std::cbrt(panel_error[p]) + 1e-30) / total;
        position[p + 1] = position[p] + 1 + static_cast<double>(std::max<int64_t>(panels - old, 0)) * share;
        scale[p + 1] = std::log(std::max(edges[p + 1], least));
    }
    int64_t at = 0;
    finer[0] = 0.0;
    for (int64_t k = 1; k < panels; k++) {
        const double wanted = static_cast<double>(k) * (position[old] / static_cast<double>(panels));
        while (at < old - 1 && position[at + 1] <= wanted) at++;
        const double part = (wanted - position[at]) / (position[at + 1] - position[at]);
        finer[k] = std::exp(scale[at] + part * (scale[at + 1] - scale[at]));
    }
    finer[panels] = last;
}
