// Full trajectories: exposures and resource time at training steps, by the clock of each member.

INLINE bool sound_clock(double rate, double waste) {
    return rate > 0 && std::isfinite(rate) && waste >= 0 && std::isfinite(waste);
}

INLINE int32_t code_of(bool enough, bool lost) { return lost ? NOT_FINITE : enough ? SUCCESSFUL : INACCURATE; }

// How far levels `(time, skill)` may be off since exposures are stored with fewer digits, and effective frequencies came
// with them: a relative error of the exposure, times its effort. It counts where effort is large while a skill is still
// being learned: with a plateau, and of skills that are much faster from level 1/2 on.
template <class Law, class Out>
double rounded(const Graph<Law> &graph, const Out *state, int64_t times) {
    const bool paced = std::any_of(graph.order.begin(), graph.order.end(), [&](int64_t s) { return graph.paces[s].paced; });
    if (std::is_same<Out, double>::value || !(Law::SLOW || paced)) return 0.0;
    Vector most = all(0.0);
    for (int64_t s : graph.order) {
        const Pace &pace = graph.paces[s];
        for (int64_t t = 0; t < times; t += LANES) {
            Vector x = all(0.0);
            for (int64_t lane = 0; lane < std::min(LANES, times - t); lane++) {
                const double own = static_cast<double>(state[(t + lane) * graph.skills + s]);
                x[lane] = std::isfinite(own) ? own : 0.0;
            }
            most = larger(most, x * pace.pace(x) * graph.law.demand(pace.effort(x)));
        }
    }
    return 2 * static_cast<double>(std::numeric_limits<Out>::epsilon()) * largest(most);
}

// What is competed for, at the nodes of a vector of panels: demand and waste, or the root of their squares.
INLINE Vector denominator(bool squared, Vector demand, double waste) {
    return squared ? root(demand + waste * waste) : demand + waste;
}

template <class Law>
class ClockReader {
  public:
    explicit ClockReader(const Solver<Law> &solver)
        : solver(solver), graph(solver.graph), rule(solver.rule), table(solver.batch.skills) {}

    // Openings are those of the solved cascade, at whatever gate exponent.
    void open(const Cascade<Law> &cascade, const double *opening) {
        this->cascade = &cascade;
        table.open(opening, cascade.at_edges, cascade);
    }

    // One member: exposures (time, skill), resource time and spent resource (time,); whether something was not finite.
    template <class Out>
    bool read(double rate, double waste, const double *ts, int64_t times, Out *state, Out *clock, Out *spent_there) {
        const int64_t panels = cascade->panels, skills = graph.skills;
        integrate(waste);
        const int64_t *order = graph.order.data(), count = static_cast<int64_t>(graph.order.size());
        double total = 0.0, latest = 0.0;
        for (int64_t k = 0; k < count; k++) total += cascade->at_edges[order[k] * cascade->stride + panels];
        Polynomial polynomial;
        // a range ends when everything is learned; from then on the clock only wastes, or without waste is infinite
        int64_t ended = times, t = 0;
        while ((Law::HAS_END || waste == 0) && ended > 0 && rate * ts[ended - 1] >= spent[panels]) ended--;
        for (int64_t p = 0; p < panels && t < ended; p++) {
            int64_t end = t;
            while (end < ended && (p == panels - 1 || rate * ts[end] < spent[p + 1])) end++;
            if (end == t) continue;
            const double half = cascade->half[p];
            polynomial.read(rule, &integrand[static_cast<size_t>(p)], panels, 0.0, half, spent[p], spent[p + 1]);
            table.take(p);
            for (; t < end; t += 2 * LANES) {
                const int64_t here = std::min(2 * LANES, end - t);
                Vector target[2], place[2];
                double wanted[2 * LANES], tau[2 * LANES], each[2][NODES][LANES];
                for (int64_t k = 0; k < 2 * LANES; k++) wanted[k] = rate * ts[t + std::min(k, here - 1)];
                for (int64_t v = 0; v < 2; v++) target[v] = load(wanted + v * LANES);
                invert(
                    rule, [&](int64_t, int64_t node) { return all(polynomial.knots[node]); },
                    [&](int64_t, int64_t power) { return all(polynomial.powers[power]); }, target, place);
                for (int64_t v = 0; v < 2; v++) {
                    weigh(rule, place[v], all(half), each[v]);
                    store(tau + v * LANES, cascade->edges[p] + half * (1.0 + place[v]));
                }
                for (int64_t k = 0; k < here; k++) {
                    const double now = ts[t + k] > 0 ? tau[k] : 0.0;
                    latest = std::max(latest, now);
                    total += now;
                    clock[t + k] = static_cast<Out>(now);
                    Vector weights[NODES];
                    for (int64_t node = 0; node < NODES; node++) weights[node] = all(each[k / LANES][node][k % LANES]);
                    if (spent_there) spent_there[t + k] = static_cast<Out>(ts[t + k] > 0 ? spent_at(p, weights) : 0.0);
                    Out *row = state + (t + k) * skills;
                    for (int64_t block = 0; block < skills / LANES; block++)
                        store(row + block * LANES, table.exposures(weights, block));
                    if (skills % LANES) {
                        const int64_t block = skills / LANES;
                        const Vector rest = table.exposures(weights, block);
                        for (int64_t s = block * LANES; s < skills; s++)
                            row[s] = static_cast<Out>(rest[s - block * LANES]);
                    }
                }
            }
            t = end;
        }
        for (t = ended; t < times; t++) {
            const double beyond = rate * ts[t] - spent[panels], more = waste > 0 ? beyond / waste : INFINITY;
            clock[t] = static_cast<Out>(cascade->edges[panels] + more);
            if (waste > 0) latest = std::max(latest, cascade->edges[panels] + more);
            if (spent_there) spent_there[t] = static_cast<Out>(spent[panels] + (waste > 0 ? beyond : 0.0));
            for (int64_t s = 0; s < skills; s++) state[t * skills + s] = NAN;
            for (int64_t k = 0; k < count; k++) {
                const double x = cascade->at_edges[order[k] * cascade->stride + panels];
                state[t * skills + order[k]] = static_cast<Out>(x + more);
            }
        }
        // resource time and, where learning has no end, efforts may be beyond the numbers of the result
        for (int64_t k = 0; k < count && !Law::HAS_END && ended == times; k++)
            latest = std::max(latest, graph.paces[order[k]].effort(static_cast<double>(state[(times - 1) * skills + order[k]])));
        const bool lost = !std::isfinite(total) || latest > static_cast<double>(std::numeric_limits<Out>::max());
        for (t = 0; t < times && ts[t] == 0; t++)
            for (int64_t k = 0; k < count; k++) state[t * skills + order[k]] = 0;
        if (lost) lose(times, state, clock, spent_there);
        return lost;
    }

    // Nothing but NaN.
    template <class Out>
    void lose(int64_t times, Out *state, Out *clock, Out *spent_there) const {
        for (int64_t place = 0; place < times * graph.skills; place++) state[place] = NAN;
        for (int64_t place = 0; place < times; place++) clock[place] = NAN;
        for (int64_t place = 0; spent_there && place < times; place++) spent_there[place] = NAN;
    }

    // The integral of the denominator, by which training time is read, from its values at the nodes.
    void integrate(double waste) {
        const int64_t panels = cascade->panels;
        spent.resize(static_cast<size_t>(panels + 1)), integrand.resize(static_cast<size_t>(NODES * panels));
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector values[NODES];
            for (int64_t node = 0; node < NODES; node++) {
                values[node] = denominator(graph.squared, load(cascade->demand + node * panels + p), waste);
                store(&integrand[static_cast<size_t>(node * panels + p)], values[node]);
            }
            store(&spent[static_cast<size_t>(p + 1)], load(cascade->half + p) * dot(rule.weights, values));
        }
        spent[0] = 0.0;
        for (int64_t p = 0; p < panels; p++) spent[p + 1] += spent[p];
    }

    // A resource time, and the weights of the nodes of its panel in an integral up to there and in a value there; `beyond`:
    // how far it lies behind the cascade, where all is over.
    struct Place {
        double clock = 0.0, beyond = 0.0;
        int64_t panel = 0;
        Vector weights[NODES] = {}, values[NODES] = {};
    };

    // Where so much has been spent; false if that is behind the cascade.
    bool seek(double budget, double waste, Place &to) const {
        const int64_t panels = cascade->panels;
        const int64_t p = std::clamp<int64_t>(
            std::upper_bound(spent.begin() + 1, spent.begin() + panels, budget) - (spent.begin() + 1), 0, panels - 1);
        const bool within = budget < spent[panels];
        double place = budget > 0 ? 1.0 : -1.0;
        if (within && budget > 0) {
            Polynomial own;
            own.read(rule, &integrand[static_cast<size_t>(p)], panels, 0.0, cascade->half[p], spent[p], spent[p + 1]);
            place = invert(rule, own, budget);
        }
        place_at(p, place, to);
        if (!within && Law::HAS_END) to.beyond = waste > 0 ? (budget - spent[panels]) / waste : INFINITY;
        to.clock += to.beyond;
        return within;
    }
    void place_at(int64_t p, double place, Place &to) const {
        const double half = cascade->half[p];
        double each[NODES][LANES];
        weigh(rule, all(place), all(half), each);
        for (int64_t node = 0; node < NODES; node++) to.weights[node] = load(each[node]);
        weigh_values(rule, all(place), each);
        for (int64_t node = 0; node < NODES; node++) to.values[node] = load(each[node]);
        to.panel = p, to.beyond = 0.0, to.clock = cascade->edges[p] + half * (1 + place);
    }
    // The skills side by side, ready to be read in a panel.
    const Table<Law> &at_panel(int64_t p) {
        table.take(p);
        return table;
    }
    // What is spent up to there, and what a little more resource time costs.
    double spent_at(const Place &at, double waste) const {
        return spent_at(at.panel, at.weights) + (at.beyond > 0 ? waste * at.beyond : 0.0);
    }
    double price_at(const Place &at, double waste) const {
        double total = 0.0;
        for (int64_t node = 0; node < NODES; node++)
            total += at.values[node][0] * integrand[static_cast<size_t>(node * cascade->panels + at.panel)];
        return at.beyond > 0 ? waste : std::max(total, waste);
    }

    // The denominator at a node of a vector of panels.
    Vector at_nodes(int64_t place) const { return load(&integrand[static_cast<size_t>(place)]); }

    // That integral at a place of a panel, whose weights are given.
    double spent_at(int64_t p, const Vector (&weights)[NODES]) const {
        double total = spent[p];
        for (int64_t node = 0; node < NODES; node++)
            total += weights[node][0] * integrand[static_cast<size_t>(node * cascade->panels + p)];
        return total;
    }

  private:
    const Solver<Law> &solver;
    const Graph<Law> &graph;
    const Rule &rule;
    Table<Law> table;
    std::vector<double> spent, integrand;
    const Cascade<Law> *cascade = nullptr;
};
