// From cotangents of exposures at places of a solved cascade to those of its parameters, on frozen panels: the skills in
// reverse order.
//
// X' = c, c the product of gates g = 1 - exp(-a D(z)), z = effort(X). A cotangent of an exposure at a place is one of the
// openings before it. That of a gate's logarithm is the sum, over the skills that wait for it, of cotangent times
// opening: there is nothing to divide by but the gate itself. Where edges lie changes nothing to first order.

// Cotangents of effort, summed up: of what it is made of before a self-paced skill turns, and after.
struct EffortCotangents {
    double before = 0, before_x = 0, after = 0, after_x = 0;

    // z = start + rate x up to the turn; after it z = z(1/2) + after (x - turn), turn = (z(1/2) - start)/rate
    void to(const Pace &pace, double &rate, double &start, double &later, double &half) const {
        rate += before_x, start += before;
        if (!pace.paced) return;
        later += after_x - (pace.turn > 0 ? pace.turn * after : 0.0);
        start += pace.turn > 0 ? after * pace.after / pace.rate : after;
        if (!(pace.turn > 0)) return;
        rate += after * pace.after * pace.turn / pace.rate;
        half += after * (1 - pace.after / pace.rate);
    }
    // the exposure at which effort is at a goal: `back` is its cotangent; returns that of the goal
    static double goal(const Pace &pace, double back, double x, double &rate, double &start, double &later,
                       double &half) {
        if (!pace.paced || x < pace.turn) {
            rate -= back * x / pace.rate, start -= back / pace.rate;
            return back / pace.rate;
        }
        later -= back * (x - pace.turn) / pace.after;
        start -= back / (pace.turn > 0 ? pace.rate : pace.after);
        if (pace.turn > 0) rate -= back * pace.turn / pace.rate, half += back * (1 / pace.rate - 1 / pace.after);
        return back / pace.after;
    }
};

// What one member's parameters get.
struct Gathered {
    std::vector<double> rate, start, after;  // (skill,)
    std::vector<double> strength;            // beside those of the graph
    // `half`: of the effort where self-paced skills turn
    double exponent = 0, plateau = 0, goal = 0, half = 0;

    void clear(int64_t skills, size_t strengths) {
        for (auto *each : {&rate, &start, &after}) each->assign(static_cast<size_t>(skills), 0.0);
        strength.assign(strengths, 0.0);
        exponent = plateau = goal = half = 0.0;
    }
};

template <class Law>
class Adjoint {
  public:
    Gathered gathered;
    Table<Law> table;
    Paces paces;

    explicit Adjoint(const Solver<Law> &solver)
        : table(solver.batch.skills), solver(solver), graph(solver.graph), rule(solver.rule) {}

    // Begins with no cotangents.
    void open(const Cascade<Law> &cascade) {
        this->cascade = &cascade;
        size = table.blocks * PLACE;
        points.reserve(cascade.panels * size);
        hit.assign(static_cast<size_t>(cascade.panels), 0);
        table.open(cascade.opening, cascade.at_edges, cascade);
        paces.read(graph, solver.batch.paced);
        direct.assign(static_cast<size_t>(4 * table.blocks * LANES), 0.0);
        gathered.clear(graph.skills, graph.strength.size());
    }

    // Where cotangents of exposures in a panel are gathered: (block, node and left edge, lane).
    double *points_of(int64_t panel) {
        double *at = points + panel * size;
        if (!hit[static_cast<size_t>(panel)]) {
            hit[static_cast<size_t>(panel)] = 1;
            std::fill_n(at, size, 0.0);
        }
        return at;
    }

    // A cotangent of the exposures of a block of skills, at a place whose weights in integrals are given.
    static inline void add(double *points, int64_t block, const Vector (&weights)[NODES], Vector cotangent) {
        double *place = points + block * PLACE;
#pragma GCC unroll 8
        for (int64_t n = 0; n < NODES; n++) store(place + n * LANES, load(place + n * LANES) + cotangent * weights[n]);
        store(place + NODES * LANES, load(place + NODES * LANES) + cotangent);
    }

    // The same of one skill.
    static void add(double *points, int64_t s, const double *weights, double cotangent) {
        double *place = points + s / LANES * PLACE + s % LANES;
        for (int64_t n = 0; n < NODES; n++) place[n * LANES] += cotangent * weights[n];
        place[NODES * LANES] += cotangent;
    }

    // A cotangent of the efforts of a block of skills, where their exposures are x.
    inline void add_effort(int64_t block, Vector x, Vector cotangent) {
        const int64_t j = block * LANES, step = table.blocks * LANES;
        double *at = direct.data() + j;
        if (paces.paced) {
            const Integers early = x < load(&paces.turn[static_cast<size_t>(j)]);
            const Vector late = early ? all(0.0) : cotangent;
            cotangent = early ? cotangent : all(0.0);
            store(at + 2 * step, load(at + 2 * step) + late);
            store(at + 3 * step, load(at + 3 * step) + late * x);
        }
        store(at, load(at) + cotangent);
        store(at + step, load(at + step) + cotangent * x);
    }

    // All that is left to do, once the cotangents at places are there; with "l2", `pulls` (node, panel) are those of half
    // the sum of the squares of what the skills demand.
    void sweep(const double *pulls = nullptr) {
        this->pulls = pulls;
        const int64_t panels = cascade->panels, step = table.blocks * LANES;
        for (int64_t s : graph.order) {
            const double *at = direct.data() + s;
            const EffortCotangents own{at[0], at[step], at[2 * step], at[3 * step]};
            give(s, own);
        }
        behind.reserve(graph.skills * NODES * panels);
        for (int64_t s : graph.order)
            if (graph.needed[s]) std::fill_n(behind + s * NODES * panels, NODES * panels, 0.0);
        back.reserve(NODES * panels), later.reserve(panels + LANES), inside.reserve(NODES * panels);
        for (int64_t place = static_cast<int64_t>(graph.order.size()) - 1; place >= 0; place--) sweep(graph.order[place]);
    }

  private:
    static constexpr int64_t PLACE = (NODES + 1) * LANES;
    const Solver<Law> &solver;
    const Graph<Law> &graph;
    const Rule &rule;
    const Cascade<Law> *cascade = nullptr;
    int64_t size = 0;
    Numbers points, behind, back, later, inside;
    const double *pulls = nullptr;
    std::vector<uint8_t> hit;
    std::vector<double> direct;

    void give(int64_t s, const EffortCotangents &own) {
        own.to(graph.paces[s], gathered.rate[s], gathered.start[s], gathered.after[s], gathered.half);
    }

    void sweep(int64_t s) {
        const int64_t panels = cascade->panels;
        const bool rooted = !graph.count(s), needed = graph.needed[s];
        if (rooted && !needed && !pulls) return;
        const Pace pace = graph.paces[s];
        const double *o = cascade->opening + s * NODES * panels;
        EffortCotangents own;
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector got[NODES], total = all(0.0);
            if (!needed)
                for (int64_t n = 0; n < NODES; n++) got[n] = all(0.0);
            else if (std::is_same_v<Law, MeanSquaredError> && !pace.paced)
                from_gates(s, p, pace.rate, got, total, own);
            else
                from_any_gates(s, p, pace, got, total, own);
            if (pulls) from_demand(s, p, pace, got, total, own);
            if (rooted) continue;
            for (int64_t lane = 0; lane < LANES; lane++) {
                if (!hit[static_cast<size_t>(p + lane)]) continue;
                const double *from = points + (p + lane) * size + (s / LANES) * PLACE + s % LANES;
                for (int64_t n = 0; n < NODES; n++) got[n][lane] += from[n * LANES];
                total[lane] += from[NODES * LANES];
            }
            for (int64_t n = 0; n < NODES; n++) store(back + n * panels + p, got[n]);
            store(later + p, total);
        }
        give(s, own);
        if (rooted) return;
        double after = 0.0;
        for (int64_t p = panels - 1; p >= 0; p--) {
            const double here = later[p];
            later[p] = after, after += here;
        }
        for (int64_t p = 0; p < panels; p += LANES) to_gates(s, p, o);
    }

    // Cotangents of a skill's openings from those of its gate; `total` is what the exposure at the left edge gets.
    inline void from_gates(int64_t s, int64_t p, double rate, Vector (&got)[NODES], Vector &total,
                           EffortCotangents &own) {
        const int64_t panels = cascade->panels, at = s * NODES * panels + p;
        const double a = graph.exponent;
        Vector bar[NODES], along = all(0.0);
#pragma GCC unroll 8
        for (int64_t n = 0; n < NODES; n++) {
            const Vector g = load(cascade->gates + at + n * panels), q = load(behind + at + n * panels);
            bar[n] = g > 0 ? a * (1.0 - g) * q / g : all(0.0);
            total += bar[n];
        }
        integrals_back(bar, load(cascade->half + p), got);
#pragma GCC unroll 8
        for (int64_t n = 0; n < NODES; n++) along += load(cascade->opening + at + n * panels) * got[n];
        // the sum over nodes of cotangent times exposure: part by part
        const double sums = sum(total), with_x = sum(load(cascade->at_edges + s * cascade->stride + p) * total + along);
        own.before += sums, own.before_x += with_x;
        gathered.exponent += (graph.paces[s].start * sums + rate * with_x) / a;
        total *= rate;
#pragma GCC unroll 8
        for (int64_t n = 0; n < NODES; n++) got[n] *= rate;
    }

    void from_any_gates(int64_t s, int64_t p, const Pace &pace, Vector (&got)[NODES], Vector &total,
                        EffortCotangents &own) {
        const int64_t panels = cascade->panels, at = s * NODES * panels + p;
        const double a = graph.exponent;
        const Vector half = load(cascade->half + p), left = load(cascade->at_edges + s * cascade->stride + p);
        Vector values[NODES], bar[NODES], by_exponent = all(0.0), by_plateau = all(0.0), sums[4] = {all(0.0), all(0.0), all(0.0), all(0.0)};
        for (int64_t n = 0; n < NODES; n++) values[n] = load(cascade->opening + at + n * panels);
        Folded(values).integrals(rule, half, inside + p, panels);
        for (int64_t n = 0; n < NODES; n++) {
            const Vector x = left + load(inside + n * panels + p), z = pace.effort(x);
            const Vector g = load(cascade->gates + at + n * panels), q = load(behind + at + n * panels);
            const Vector shut = g > 0 ? (1.0 - g) * q / g : all(0.0);
            by_exponent += shut * graph.law.depth(z);
            if (Law::SLOW) by_plateau += shut * a * graph.law.depth_by_plateau(z);
            const Vector cotangent = shut * a * graph.law.depth_slope(z);
            const Integers early = x < pace.turn;
            const Vector first = early ? cotangent : all(0.0), second = early ? all(0.0) : cotangent;
            sums[0] += first, sums[1] += first * x, sums[2] += second, sums[3] += second * x;
            bar[n] = cotangent * pace.pace(x);
            total += bar[n];
        }
        own.before += sum(sums[0]), own.before_x += sum(sums[1]);
        own.after += sum(sums[2]), own.after_x += sum(sums[3]);
        gathered.exponent += sum(by_exponent);
        if (Law::SLOW) gathered.plateau += sum(by_plateau);
        integrals_back(bar, half, got);
    }

    // And from what it demands, p c demand(z); no skill is self-paced.
    void from_demand(int64_t s, int64_t p, const Pace &pace, Vector (&got)[NODES], Vector &total, EffortCotangents &own) {
        const int64_t panels = cascade->panels, at = s * NODES * panels + p;
        const Vector half = load(cascade->half + p), left = load(cascade->at_edges + s * cascade->stride + p);
        Vector open[NODES], bar[NODES], direct[NODES], more[NODES], by_rate = all(0.0), by_plateau = all(0.0);
        Vector before = all(0.0), before_x = all(0.0);
        for (int64_t n = 0; n < NODES; n++) open[n] = load(cascade->opening + at + n * panels);
        Folded(open).integrals(rule, half, inside + p, panels);
        for (int64_t n = 0; n < NODES; n++) {
            const Vector x = left + load(inside + n * panels + p), z = pace.effort(x), demand = graph.law.demand(z);
            const Vector pull = load(pulls + n * panels + p) * pace.rate * open[n] * demand;
            by_rate += pull * open[n] * demand;
            if (Law::SLOW) by_plateau += pull * pace.rate * open[n] * graph.law.demand_by_plateau(z);
            direct[n] = pull * pace.rate * demand;
            const Vector cotangent = pull * pace.rate * open[n] * graph.law.demand_slope(z);
            before += cotangent, before_x += cotangent * x;
            bar[n] = cotangent * pace.rate;
            total += bar[n];
        }
        integrals_back(bar, half, more);
        for (int64_t n = 0; n < NODES; n++) got[n] += more[n] + direct[n];
        own.before += sum(before), own.before_x += sum(before_x);
        gathered.rate[s] += sum(by_rate);
        if (Law::SLOW) gathered.plateau += sum(by_plateau);
    }

    // From a skill's openings to the gates that it waits for.
    inline void to_gates(int64_t s, int64_t p, const double *o) {
        const int64_t panels = cascade->panels;
        const Vector width = load(cascade->half + p) * load(later + p);
        Vector q[NODES];
#pragma GCC unroll 8
        for (int64_t n = 0; n < NODES; n++)
            q[n] = (load(back + n * panels + p) + width * rule.weights[n]) * load(o + n * panels + p);
        const bool either = graph.either[s], soft = !graph.strength.empty();
        Vector largest[NODES];
        if (either)
            for (int64_t n = 0; n < NODES; n++) largest[n] = soft ? largest_need(s, n * panels + p) : load(o + n * panels + p);
        for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) {
            const int64_t at = graph.behind[f] * NODES * panels + p;
            Vector of_strength = all(0.0);
#pragma GCC unroll 8
            for (int64_t n = 0; n < NODES; n++) {
                const Vector gate = load(cascade->gates + at + n * panels), own = soft ? graph.needs(f, gate) : gate;
                Vector part = q[n];
                if (either) {
                    // the first of those that lead takes it all
                    part = own == largest[n] ? part : all(0.0);
                    q[n] -= part;
                }
                if (soft) {
                    Vector by_gate, by_strength;
                    graph.needs_slopes(f, gate, own, by_gate, by_strength);
                    of_strength += part * by_strength, part *= by_gate;
                }
                store(behind + at + n * panels, load(behind + at + n * panels) + part);
            }
            if (soft) gathered.strength[static_cast<size_t>(f)] += sum(of_strength);
        }
    }

    // The largest of the gates that a skill waits for, as far as it needs each.
    inline Vector largest_need(int64_t s, int64_t place) const {
        Vector found = all(0.0);
        for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++)
            found = larger(graph.needs(f, load(cascade->gates + graph.behind[f] * NODES * cascade->panels + place)), found);
        return found;
    }

    // The transpose of `Folded::integrals`.
    inline void integrals_back(const Vector (&bar)[NODES], Vector half, Vector (&to)[NODES]) const {
        Vector less[NODES / 2], more[NODES / 2], rest = all(0.0);
#pragma GCC unroll 4
        for (int64_t m = 0; m < NODES / 2; m++) {
            less[m] = bar[m] - bar[NODES - 1 - m], more[m] = bar[m] + bar[NODES - 1 - m];
            rest += bar[NODES - 1 - m];
        }
#pragma GCC unroll 4
        for (int64_t n = 0; n < NODES / 2; n++) {
            Vector even = rest * rule.weights[n], odd = all(0.0);
#pragma GCC unroll 4
            for (int64_t m = 0; m < NODES / 2; m++) {
                even += less[m] * rule.even[m * (NODES / 2) + n];
                odd += more[m] * rule.odd[m * (NODES / 2) + n];
            }
            to[n] = half * (even + odd), to[NODES - 1 - n] = half * (even - odd);
        }
    }
};
