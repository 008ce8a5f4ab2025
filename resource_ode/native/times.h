// Learning times: where each skill's exposure reaches its goal, and what that costs in training steps.

// Where two vectors of skills reach their goals: panels, weights of the nodes in integrals up to there, resource times.
template <class Law>
struct Reached {
    double wanted[2 * LANES], clock[2 * LANES], place[2 * LANES], weights[2][NODES][LANES];
    int64_t panel[2 * LANES];

    // `goals` are exposures of the skills `of`, at a gate exponent `ratio` times that of the cascade.
    inline void find(const Rule &rule, const Cascade<Law> &cascade, const int64_t *of, const double *goals) {
        Polynomial polynomials[2 * LANES];
        double half[2 * LANES], left[2 * LANES];
        Vector target[2], at[2];
        for (int64_t i = 0; i < 2 * LANES; i++) {
            const int64_t s = of[i];
            const double *x = cascade.at_edges + s * cascade.stride;
            wanted[i] = std::max(goals[i], 0.0);
            const int64_t p = panel[i] = cascade.panel_of(s, wanted[i]);
            half[i] = cascade.half[p], left[i] = cascade.edges[p];
            polynomials[i].read(rule, cascade.opening + s * NODES * cascade.panels + p, cascade.panels, 0.0, half[i],
                                x[p], x[p + 1]);
        }
        for (int64_t v = 0; v < 2; v++) target[v] = load(wanted + v * LANES);
        invert(
            rule,
            [&](int64_t v, int64_t node) {
                const Polynomial *own = polynomials + v * LANES;
                return by_lane([&](int64_t lane) { return own[lane].knots[node]; });
            },
            [&](int64_t v, int64_t power) {
                const Polynomial *own = polynomials + v * LANES;
                return by_lane([&](int64_t lane) { return own[lane].powers[power]; });
            },
            target, at);
        const double last = cascade.edges[cascade.panels];
        for (int64_t v = 0; v < 2; v++) {
            weigh(rule, at[v], load(half + v * LANES), weights[v]);
            store(place + v * LANES, at[v]);
            store(clock + v * LANES, load(left + v * LANES) + load(half + v * LANES) * (1.0 + at[v]));
        }
        for (int64_t i = 0; i < 2 * LANES; i++) clock[i] = std::min(std::max(clock[i], 0.0), last);
    }

    // Those of one of them, for all skills.
    inline void weights_of(int64_t i, Vector (&each)[NODES]) const {
        for (int64_t node = 0; node < NODES; node++) each[node] = all(weights[i / LANES][node][i % LANES]);
    }
};

template <class Law>
class TimesReader {
  public:
    explicit TimesReader(const Solver<Law> &solver)
        : solver(solver), graph(solver.graph), rule(solver.rule), table(solver.batch.skills), clock(solver) {}

    // Whether the integral of the demand tells what has been spent, and not the budget law: this costs the square of the
    // number of skills, but for few of them less.
    static bool by_demand(const Batch &batch) { return batch.squared || batch.skills > MOST_SUMMED; }

    // Times of all clocks of a row and one of its gate exponents, at which the cascade is `own`.
    template <class Out>
    void read(const Cascade<Law> &cascade, const Cascade<Law> &own, double goal, int64_t row, int64_t group,
              const Times<Out> &to) {
        const Batch &batch = solver.batch;
        const int64_t clocks = batch.clocks, count = static_cast<int64_t>(graph.order.size());
        const double ratio = *batch.exponent.at(row, group) / graph.exponent;
        for (int64_t c = 0; c < clocks; c++) std::fill_n(to.found.at(row, group, c), graph.skills, static_cast<Out>(NAN));
        const bool summed = !by_demand(batch);
        paces.read(graph, batch.paced);
        if (summed) table.open(cascade.opening, cascade.at_edges, cascade);
        reached.resize(static_cast<size_t>((count + 2 * LANES - 1) / (2 * LANES)));
        double before = 0.0;
        for (int64_t s : graph.order)
            if (graph.paces[s].start > 0) before += graph.law.progress(all(graph.paces[s].start))[0];
        for (int64_t k = 0; k < count; k += 2 * LANES) {
            int64_t of[2 * LANES];
            double goals[2 * LANES];
            for (int64_t i = 0; i < 2 * LANES; i++) {
                of[i] = graph.order[static_cast<size_t>(std::min(k + i, count - 1))];
                goals[i] = graph.wanted(of[i], goal * ratio);
            }
            Reached<Law> &at = reached[static_cast<size_t>(k / (2 * LANES))];
            at.find(rule, cascade, of, goals);
            for (int64_t i = 0; summed && i < std::min(2 * LANES, count - k); i++) {
                const double learned = gained(at, i, ratio) - before;
                for (int64_t c = 0; c < clocks; c++) {
                    const double total = learned + *batch.waste.at(row, group, c) * (at.clock[i] / ratio);
                    put(to, row, group, c, of[i], at.wanted[i], total);
                }
            }
        }
        if (summed) return;
        clock.open(own, cascade.opening);
        for (int64_t c = 0; c < clocks; c++) {
            clock.integrate(*batch.waste.at(row, group, c));
            for (int64_t k = 0; k < count; k++) {
                const Reached<Law> &at = reached[static_cast<size_t>(k / (2 * LANES))];
                const int64_t i = k % (2 * LANES);
                Vector weights[NODES];
                at.weights_of(i, weights);
                for (int64_t node = 0; node < NODES; node++) weights[node] /= ratio;
                put(to, row, group, c, graph.order[static_cast<size_t>(k)], at.wanted[i],
                    clock.spent_at(at.panel[i], weights));
            }
        }
    }

  private:
    static constexpr int64_t MOST_SUMMED = 96;
    const Solver<Law> &solver;
    const Graph<Law> &graph;
    const Rule &rule;
    Table<Law> table;
    Paces paces;
    ClockReader<Law> clock;
    std::vector<Reached<Law>> reached;

    // What all skills have learned where one has reached its goal.
    double gained(const Reached<Law> &at, int64_t i, double ratio) {
        table.take(at.panel[i]);
        Vector weights[NODES], learned = all(0.0);
        at.weights_of(i, weights);
        for (int64_t block = 0; block < table.blocks; block++) {
            const Vector exposure = table.exposures(weights, block) / ratio;
            const Vector part = graph.law.progress(paces.effort(block * LANES, exposure));
            learned += part == part ? part : all(0.0);  // not every place holds a skill
        }
        return sum(learned);
    }

    template <class Out>
    void put(const Times<Out> &to, int64_t row, int64_t group, int64_t c, int64_t s, double wanted, double spent) const {
        const double rate = *solver.batch.rate.at(row, group, c);
        to.found.at(row, group, c)[s] = static_cast<Out>(wanted == 0 ? 0.0 : spent / rate);
    }
};
