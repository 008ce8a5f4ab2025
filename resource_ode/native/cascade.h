// The cascade of one graph; the mathematics, and why it is so, is that of `cascade.py`.
//
// Numbers at nodes are (node, panel), the panels side by side, four of them in a vector: numbers of panels are
// multiples of four. Skills come in topological order, absent ones not at all.

constexpr int64_t NODES = 8, COARSE_NODES = 4, NEWTON_STEPS = 4, TAIL = 4;
// e^-45 of anything is below rounding
constexpr double DONE = 45.0;
constexpr double TINY = 2.2250738585072014e-308, HUGE_NUMBER = 1.7976931348623157e308;

// Memory on a line of the cache.
class Numbers {
  public:
    Numbers() = default;
    explicit Numbers(int64_t count)
        : at(static_cast<double *>(::operator new[](sizeof(double) * static_cast<size_t>(count), LINE))) {}
    operator double *() const { return at.get(); }

  private:
    static constexpr std::align_val_t LINE{64};
    struct Free {
        void operator()(double *x) const { ::operator delete[](x, LINE); }
    };
    std::unique_ptr<double, Free> at;
};

// One row of a problem: its present skills by depth, and what each of them waits for.
struct Graph {
    std::vector<int64_t> order, begin, behind;
    std::vector<uint8_t> needed;
    const uint8_t *either;
    int64_t skills, fan_in;
    const double *frequency, *start;
    double exponent, largest_exponent, fastest;

    void read(const Problem &problem, int64_t row) {
        skills = problem.skills, fan_in = problem.fan_in;
        frequency = problem.frequency + row * skills;
        start = problem.start + row * skills;
        exponent = problem.exponent[row];
        largest_exponent = 0.0;
        for (int64_t e = 0; e < problem.exponents; e++)
            largest_exponent = std::max(largest_exponent, problem.all_exponents[row * problem.exponents + e]);
        either = problem.either + row * skills;
        const uint8_t *present = problem.present + row * skills;
        const int32_t *depth = problem.depth + row * skills;
        const int32_t *prerequisites = problem.prerequisites + row * skills * fan_in;
        const uint8_t *required = problem.required + row * skills * fan_in;
        order.clear(), behind.clear();
        begin.resize(static_cast<size_t>(skills + 1));
        needed.assign(static_cast<size_t>(skills), 0);
        fastest = 0.0;
        int32_t deepest = -1;
        for (int64_t s = 0; s < skills; s++) {
            begin[s] = static_cast<int64_t>(behind.size());
            if (!present[s]) continue;
            deepest = std::max(deepest, depth[s]);
            fastest = std::max(fastest, frequency[s]);
            for (int64_t f = s * fan_in; f < (s + 1) * fan_in; f++)
                if (required[f]) {
                    behind.push_back(prerequisites[f]);
                    needed[prerequisites[f]] = 1;
                }
        }
        begin[skills] = static_cast<int64_t>(behind.size());
        for (int32_t level = 0; level <= deepest; level++)
            for (int64_t s = 0; s < skills; s++)
                if (present[s] && depth[s] == level) order.push_back(s);
    }

    int64_t count(int64_t s) const { return begin[s + 1] - begin[s]; }
    // An effort, in that of the exponent that is solved for, with nothing left to learn and all gates open, of every
    // exponent: what is left unlearned is below all numbers, and what is shut below rounding (`cascade.all_over`).
    double all_over() const { return std::max(750 * largest_exponent / exponent, DONE / exponent); }
    // one over the effort at which a skill's demand and its gate are through, as in `cascade.even_edges`
    double per_through() const { return 1 / (30 * (largest_exponent / exponent) + 3 / exponent); }
};

// -- edges of panels

// Edges 0, ..., last, even in log(1 + tau/first); `along` is that logarithm.
inline void logarithmic_edges(double first, double last, int64_t panels, double *edges, double *along) {
    const double step = std::log1p(last / first) / static_cast<double>(panels);
    for (int64_t k = 0; k <= panels; k++) along[k] = static_cast<double>(k) * step;
    for (int64_t k = 0; k <= panels; k += LANES) store(edges + k, first * growth(load(along + k)));
    edges[panels] = last;
}

// `cascade.even_edges`: edges that share the work out evenly, up to edge `last` of the coarse ones.
inline void even_edges(const Graph &graph, const double *coarse, const double *along, const double *exposure,
                       int64_t stride, int64_t last, int64_t panels, double *measure, double *edges) {
    const double first = 1 / graph.fastest, per_through = graph.per_through();
    for (int64_t k = 0; k <= last; k += LANES) {
        Vector total = all(0.0), product = all(1.0);
        for (int64_t s : graph.order) {
            const Vector grown = graph.frequency[s] * load(exposure + s * stride + k);
            product *= (1.0 + grown * (1.0 / 3)) / (1.0 + grown * per_through);
            // one logarithm for as many factors as a number holds
            if (largest(product) > 1e200) {
                for (int64_t lane = 0; lane < LANES; lane++) total[lane] += std::log(product[lane]);
                product = all(1.0);
            }
        }
        for (int64_t lane = 0; lane < LANES; lane++) total[lane] += std::log(product[lane]);
        store(measure + k, load(along + k) + total * 0.25);
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
// open steeply. The constants are by trial on random graphs.
inline int64_t panels_for(const Graph &graph, const double *exposure, int64_t stride, int64_t last, int64_t usual,
                          int64_t most) {
    const double per_through = graph.per_through();
    double steep = 0.0;
    for (int64_t s : graph.order) {
        const double grown = graph.frequency[s] * exposure[s * stride + last];
        if (graph.count(s) && !graph.either[s])
            steep += static_cast<double>(graph.count(s)) *
                     std::log((1 + grown * (1.0 / 3)) / (1 + grown * per_through));
    }
    const double wanted = static_cast<double>(usual) * (0.6 + 0.0017 * steep);
    if (!(wanted > static_cast<double>(usual))) return usual;  // nor for what is not a number
    if (wanted >= static_cast<double>(most)) return most;
    return (static_cast<int64_t>(wanted) + LANES - 1) / LANES * LANES;
}

// `cascade.refine_edges`: more panels, the additional ones where the error is.
inline void refine_edges(const double *edges, const double *panel_error, int64_t old, int64_t panels,
                         double *finer) {
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

// -- solves

// Zero in place of what is below it: where a polynomial overshoots (`cascade._integrals`); NaN stays.
INLINE Vector not_negative(Vector x) { return x < 0 ? all(0.0) : x; }

// Product of a matrix's row with the values at the nodes, in four panels.
template <int64_t COUNT>
INLINE Vector dot(const double *row, const Vector (&values)[COUNT]) {
    Vector total = row[0] * values[0];
#pragma GCC unroll 8
    for (int64_t node = 1; node < COUNT; node++) total += row[node] * values[node];
    return total;
}

// How far a skill is open in four panels: the product of the gates before it, or the largest; 1 if there are none.
template <int64_t COUNT>
INLINE void open(const Graph &graph, int64_t s, const double *gates, int64_t panels, int64_t p,
                 Vector (&values)[COUNT]) {
    const bool largest_counts = graph.either[s] && graph.count(s);
#pragma GCC unroll 8
    for (int64_t node = 0; node < COUNT; node++) values[node] = all(largest_counts ? 0.0 : 1.0);
    for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) {
        const double *gate = gates + graph.behind[f] * COUNT * panels + p;
        if (largest_counts) {
#pragma GCC unroll 8
            for (int64_t node = 0; node < COUNT; node++) values[node] = larger(values[node], load(gate + node * panels));
        } else {
#pragma GCC unroll 8
            for (int64_t node = 0; node < COUNT; node++) values[node] *= load(gate + node * panels);
        }
    }
}

// Exposures (skill, edge) to a few per cent.
inline void coarse_solve(const Graph &graph, const Rule &rule, const double *edges, int64_t panels, double *gates,
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
        const double a = graph.exponent * graph.start[s], b = graph.exponent * graph.frequency[s];
        for (int64_t p = 0; p < panels; p += LANES) {
            const Vector here = load(x + p);
#pragma GCC unroll 4
            for (int64_t node = 0; node < COARSE_NODES; node++) {
                double *at = gate + node * panels + p;
                store(at, rough_saturation(a + b * (here + load(at))));
            }
        }
    }
}

// Values at the nodes of four panels as sums and differences of mirror images: the nodes lie symmetrically, so that a
// Legendre polynomial acts on one of the two only.
struct Folded {
    Vector sums[NODES / 2], differences[NODES / 2];

    explicit Folded(const Vector (&values)[NODES]) {
#pragma GCC unroll 4
        for (int64_t node = 0; node < NODES / 2; node++) {
            sums[node] = values[node] + values[NODES - 1 - node];
            differences[node] = values[node] - values[NODES - 1 - node];
        }
    }

    // Integrals from the left edge to the nodes, times half the width.
    void integrals(const Rule &rule, Vector half, double *to, int64_t step) const {
        const Vector whole = half * dot(rule.weights, sums);
#pragma GCC unroll 4
        for (int64_t node = 0; node < NODES / 2; node++) {
            const Vector even = half * dot(rule.even + node * (NODES / 2), sums);
            const Vector odd = half * dot(rule.odd + node * (NODES / 2), differences);
            store(to + node * step, not_negative(odd + even));
            store(to + (NODES - 1 - node) * step, not_negative(odd + (whole - even)));
        }
    }

    // What the integral may be wrong by at the right edge, and on top of it inside (`cascade._missed`).
    void missed(const Rule &rule, Vector half, Vector &edge, Vector &within) const {
        const Vector fourth = magnitude(dot(rule.tail, sums)), third = magnitude(dot(rule.tail + NODES, differences));
        const Vector second = magnitude(dot(rule.tail + 2 * NODES, sums)) * 0.25;
        Vector size = larger(magnitude(dot(rule.tail + 3 * NODES, differences)), second);
        const Vector share = size / (larger(larger(fourth, third), size) + TINY);
        size *= half;
        edge = size * share * share * 0.5;
        within = size * share * 0.25;
    }
};

// A graph on panels: openings at the nodes, exposures at the edges, and how far both can be trusted.
struct Cascade {
    int64_t skills, panels, stride;
    Numbers edges, half, roots;                // (edge,), (panel,), (node, panel): exposures of a skill without gates
    Numbers opening, gates;                    // (skill, node, panel)
    Numbers at_edges, relative, off;           // (skill, edge), and errors (skill, panel): of gates, of exposures
    Numbers demand, unlearned, inside, gained, edge, within, behind, panel_error;
    std::vector<double> kinks;  // where another gate becomes the largest: edges for the next solve

    Cascade(int64_t skills, int64_t panels) : skills(skills) { resize(panels); }

    // What was in it is lost.
    void resize(int64_t count) {
        panels = count, stride = count + LANES;
        if (count <= room) return;
        room = count;
        edges = Numbers(stride), at_edges = Numbers(skills * stride);
        for (Numbers *each : {&opening, &gates}) *each = Numbers(skills * NODES * count);
        for (Numbers *each : {&relative, &off}) *each = Numbers(skills * count);
        for (Numbers *each : {&roots, &demand, &unlearned, &inside}) *each = Numbers(NODES * count);
        for (Numbers *each : {&half, &gained, &edge, &within, &behind, &panel_error}) *each = Numbers(count);
    }

    // Openings, exposures at edges, errors of panels, and the demand if wanted; returns the level error.
    double solve(const Graph &graph, const Rule &rule, bool with_demand) {
        const double least = 1 / (10 * graph.fastest * std::max(graph.exponent, 1.0));
        for (int64_t p = 0; p < panels; p += LANES) {
            const Vector left = load(edges + p), width = load(edges + p + 1) - left;
            store(half + p, width * 0.5);
            store(panel_error + p, all(0.0));
            for (int64_t node = 0; node < NODES; node++) {
                store(roots + node * panels + p, width * (0.5 * (1 + rule.places[node + 1])));
                store(demand + node * panels + p, all(0.0));
                store(unlearned + node * panels + p, all(0.0));
            }
        }
        if (static_cast<int64_t>(graph.order.size()) < skills)
            for (int64_t k = 0; k < skills * stride; k++) at_edges[k] = NAN;
        kinks.clear();
        double worst = 0.0;
        for (int64_t s : graph.order) {
            const bool rooted = !graph.count(s);
            if (rooted) {
                double *x = at_edges + s * stride, *o = opening + s * NODES * panels;
                for (int64_t p = 0; p <= panels; p++) x[p] = edges[p];
                for (int64_t p = 0; p < NODES * panels; p++) o[p] = 1.0;
                for (int64_t p = 0; p < panels; p++) relative[s * panels + p] = off[s * panels + p] = 0.0;
            } else {
                integrate(graph, rule, s);
                if (graph.either[s] && graph.count(s) > 1) add_kinks(graph, rule, s);
                const double found = estimate(graph, s, least);
                if (!(found <= worst)) worst = found;  // not max(): a NaN must stay
            }
            if (graph.needed[s] || with_demand) follow(graph, s, rooted ? roots : inside, with_demand);
        }
        return with_demand ? with_clock(graph, rule, worst, false) : worst;
    }

    // `cascade.at_exponent`: this from a solved cascade at another gate exponent, `ratio` times its own; the openings
    // stay where they are. Returns the level error.
    double at_exponent(const Graph &graph, const Rule &rule, const Cascade &solved, double ratio, bool with_demand) {
        const double inverse = 1 / ratio;
        for (int64_t p = 0; p <= panels; p++) edges[p] = solved.edges[p] * inverse;
        for (int64_t p = 0; p < panels; p++) half[p] = (edges[p + 1] - edges[p]) * 0.5;
        for (int64_t p = 0; p < NODES * panels; p++) demand[p] = unlearned[p] = 0.0;
        if (static_cast<int64_t>(graph.order.size()) < skills)
            for (int64_t k = 0; k < skills * stride; k++) at_edges[k] = NAN;
        double worst = 0.0;
        for (int64_t s : graph.order) {
            double *x = at_edges + s * stride;
            for (int64_t p = 0; p <= panels; p++) x[p] = solved.at_edges[s * stride + p] * inverse;
            for (int64_t p = 0; p < panels; p++) off[s * panels + p] = solved.off[s * panels + p] * inverse;
            const double found = slope_error(graph, s);
            if (!(found <= worst)) worst = found;
            if (!with_demand) continue;
            const double *o = solved.opening + s * NODES * panels;
            for (int64_t p = 0; p < panels; p += LANES) {
                Vector values[NODES];
                for (int64_t node = 0; node < NODES; node++) values[node] = load(o + node * panels + p);
                Folded(values).integrals(rule, load(half + p), inside + p, panels);
            }
            add_demand(graph, s, o, inside);
        }
        return with_demand ? with_clock(graph, rule, worst, true) : worst;
    }

  private:
    int64_t room = 0;

    // A skill's opening, the integral of it from each panel's left edge to its nodes, and over each panel.
    void integrate(const Graph &graph, const Rule &rule, int64_t s) {
        double *o = opening + s * NODES * panels, *x = at_edges + s * stride;
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector values[NODES], at_edge, inside_it;
            open(graph, s, gates, panels, p, values);
#pragma GCC unroll 8
            for (int64_t node = 0; node < NODES; node++) store(o + node * panels + p, values[node]);
            const Folded folded(values);
            const Vector h = load(half + p);
            folded.integrals(rule, h, inside + p, panels);
            store(gained + p, h * dot(rule.weights, folded.sums));
            folded.missed(rule, h, at_edge, inside_it);
            store(edge + p, at_edge);
            store(within + p, inside_it);
        }
        x[0] = 0.0;
        for (int64_t p = 0; p < panels; p++) x[p + 1] = x[p] + gained[p];
    }

    // What the integral of a maximum may miss where another gate becomes the largest (`cascade._missed_at_kinks`).
    void add_kinks(const Graph &graph, const Rule &rule, int64_t s) {
        const int64_t count = graph.count(s);
        const int64_t *before = graph.behind.data() + graph.begin[s];
        std::vector<double> here(static_cast<size_t>(count)), there(static_cast<size_t>(count));
        for (int64_t p = 0; p < panels; p++) {
            int64_t leader = 0;
            double missed = 0.0;
            for (int64_t node = -1; node <= NODES; node++) {
                int64_t first = 0;
                for (int64_t f = 0; f < count; f++) {
                    const int64_t b = before[f];
                    const double x = at_edges[b * stride + (node < 0 ? p : p + 1)];
                    there[f] = node >= 0 && node < NODES
                                   ? gates[(b * NODES + node) * panels + p]
                                   : saturation(graph.exponent * (graph.start[b] + graph.frequency[b] * x));
                    if (there[f] > there[first]) first = f;
                }
                if (node >= 0 && first != leader) {
                    // the lead of one place's winner over the next place's, here and there
                    const double lead = here[leader] - here[first], lag = there[first] - there[leader];
                    const double width = half[p] * (rule.places[node + 1] - rule.places[node]);
                    const double part = lead + lag > 0 ? lead / (lead + lag) : 0.5;
                    kinks.push_back(edges[p] + half[p] * (1 + rule.places[node]) + part * width);
                    // beside an edge no node has seen the loser: its triangle is missing, twice to be safe
                    missed += node == 0       ? lead * part * width
                              : node == NODES ? lag * (1 - part) * width
                                              : (lead + lag) * width / 2;
                }
                leader = first;
                std::swap(here, there);
            }
            edge[p] += missed, within[p] += missed;
        }
    }

    // The relative error of the largest gate in four panels: gates far below it, however wrong, do not count.
    Vector error_of_largest(const Graph &graph, int64_t s, int64_t p) {
        Vector worst = all(0.0);
        for (int64_t node = 0; node < NODES; node++) {
            Vector wrong = all(0.0), sum = all(0.0);
            for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) {
                const Vector own = load(relative + graph.behind[f] * panels + p);
                const Vector part = own * load(gates + (graph.behind[f] * NODES + node) * panels + p);
                wrong = larger(wrong, part), sum += own;
            }
            const Vector open = load(opening + (s * NODES + node) * panels + p);
            worst = larger(worst, open > 0 ? wrong / open : sum);
            worst = sum == sum ? worst : sum;  // NaN stays
        }
        return worst;
    }

    // Errors of a skill's exposure: its own and, to first order, those of what it waits for. Returns the level error.
    double estimate(const Graph &graph, int64_t s, double least) {
        const double *x = at_edges + s * stride;
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector total = all(0.0);
            if (graph.either[s])
                total = error_of_largest(graph, s, p);
            else
                for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++)
                    total += load(relative + graph.behind[f] * panels + p);
            store(behind + p, load(edge + p) + load(gained + p) * total);
        }
        double wrong = 0.0;
        for (int64_t p = 0; p < panels; p++) edge[p] = wrong += behind[p];
        for (int64_t p = 0; p < panels; p += LANES) {
            const Vector reached = load(x + p + 1), e = load(edge + p), w = load(within + p);
            const Vector share = smaller(all(1.0), e / reached);  // NaN stays
            store(relative + s * panels + p, reached > 0 ? share : all(0.0));
            store(off + s * panels + p, e + w);
            store(panel_error + p, larger(load(panel_error + p), w / (reached + least)));
        }
        return slope_error(graph, s);
    }

    // The error of a skill's level from that of its exposure.
    double slope_error(const Graph &graph, int64_t s) {
        const double rate = graph.frequency[s], start = graph.start[s];
        Vector most = all(0.0), total = all(0.0);
        for (int64_t p = 0; p < panels; p += LANES) {
            const Vector left = rate * decay(start + rate * load(at_edges + s * stride + p)) * load(off + s * panels + p);
            most = larger(most, left);
            total += left;
        }
        return std::isnan(sum(total)) ? sum(total) : largest(most);
    }

    // What a skill does to the others: its gate, and its part in the demand.
    void follow(const Graph &graph, int64_t s, const double *inner, bool with_demand) {
        if (graph.needed[s]) {
            const double *x = at_edges + s * stride;
            double *gate = gates + s * NODES * panels;
            const double a = graph.exponent * graph.start[s], b = graph.exponent * graph.frequency[s];
            for (int64_t p = 0; p < panels; p += LANES) {
                const bool through = a + b * x[p] > DONE;
                const Vector here = load(x + p);
#pragma GCC unroll 8
                for (int64_t node = 0; node < NODES; node++)
                    store(gate + node * panels + p,
                          through ? all(1.0) : saturation(a + b * (here + load(inner + node * panels + p))));
                // from the error of an exposure to that of its gate (`cascade._steepness`)
                const Vector ajar = load(gate + p), depth = a + b * (here + load(inner + p));
                double *wrong = relative + s * panels + p;
                store(wrong, load(wrong) * (ajar > 0 ? depth * (1.0 - ajar) / ajar : all(1.0)));
            }
        }
        if (with_demand) add_demand(graph, s, opening + s * NODES * panels, inner);
    }

    void add_demand(const Graph &graph, int64_t s, const double *o, const double *inner) {
        const double rate = graph.frequency[s], start = graph.start[s];
        const double *x = at_edges + s * stride;
        // what is learned demands nothing any more, here and in all panels to come
        for (int64_t p = 0; p < panels && !(start + rate * x[p] > DONE); p += LANES) {
            const Vector here = load(x + p);
#pragma GCC unroll 8
            for (int64_t node = 0; node < NODES; node++) {
                const int64_t n = node * panels + p;
                const Vector left = decay(start + rate * (here + load(inner + n)));
                store(demand + n, load(demand + n) + load(o + n) * rate * left);
                store(unlearned + n, load(unlearned + n) + left);
            }
        }
    }

    // The level error and, with it, what the clock may be wrong by, anywhere; the errors of the panels gain theirs, or
    // become the larger of the two. An estimate sees nothing of what happens between two nodes. The budget law does:
    // at every node what was demanded up to there is what was learned (`cascade._off_balance`).
    double with_clock(const Graph &graph, const Rule &rule, double worst, bool either) {
        double total = 0.0, most = 0.0, before = 0.0, spent = 0.0, unbalanced = 0.0, last = 0.0;
        for (int64_t s : graph.order) before += decay(graph.start[s]);
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector values[NODES], at_edge, inside_it;
            for (int64_t node = 0; node < NODES; node++) values[node] = load(demand + node * panels + p);
            const Folded folded(values);
            const Vector h = load(half + p);
            folded.missed(rule, h, at_edge, inside_it);
            total += sum(at_edge);
            most = std::max(most, largest(inside_it));
            folded.integrals(rule, h, inside + p, panels);
            store(gained + p, h * dot(rule.weights, folded.sums));
            const Vector own = load(panel_error + p);
            store(panel_error + p, either ? larger(own, inside_it) : own + inside_it);
        }
        for (int64_t p = 0; p < panels; p++) {
            double here = 0.0;
            for (int64_t node = 0; node < NODES; node++) {
                const int64_t n = node * panels + p;
                const double off_balance = spent + inside[n] + unlearned[n] - before;
                if (!(std::abs(off_balance) <= unbalanced)) unbalanced = std::abs(off_balance);
                here = std::max(here, std::abs(off_balance - last));
                if (node == NODES - 1) last = off_balance;
            }
            spent += gained[p];
            panel_error[p] = std::max(panel_error[p], here);
        }
        const double estimate = worst + total + most;
        return unbalanced > estimate || std::isnan(unbalanced) ? unbalanced : estimate;
    }
};
