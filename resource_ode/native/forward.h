// Tangents of learning times and trajectories for one direction of the parameters, on frozen panels.

// A direction, as one row, group and clock has it.
struct Direction {
    const double *frequency, *level, *after;
    double exponent, plateau;
    const double *strength;
    double goal, rate, waste;
};

template <class Law>
class Forward {
  public:
    explicit Forward(const Solver<Law> &solver) : solver(solver), graph(solver.graph), rule(solver.rule), table(solver.batch.skills), table_moved(solver.batch.skills), squared(solver) {}

    // Moves the whole cascade along a direction.
    void move(const Cascade<Law> &cascade, const Direction &along) {
        this->cascade = &cascade;
        const int64_t each = NODES * cascade.panels;
        for (Numbers *numbers : {&ratios, &opened}) numbers->reserve(graph.skills * each);
        moved.reserve(graph.skills * cascade.stride), inside.reserve(2 * each);
        const auto room = static_cast<size_t>(table.blocks * LANES);
        changes.clear(room), change_of.resize(room), openings.resize(room), moves.resize(room);
        paces.read(graph, solver.batch.paced);
        if (graph.squared) squared.open(cascade);
        to_plateau = along.plateau;
        const double half = to_plateau * graph.law.effort_by_plateau(0.5);
        for (int64_t s : graph.order) {
            const Pace &pace = graph.paces[s];
            const double start = graph.begun ? along.level[s] : effort_moves(along.level[s], graph.level[s]);
            const double later = pace.paced ? along.after[s] : 0.0;
            change_of[static_cast<size_t>(s)] = {pace, start, along.frequency[s], later, half};
            changes.set(s, change_of[static_cast<size_t>(s)]);
            move(s, along);
        }
        table.open(cascade.opening, cascade.at_edges, cascade), table_moved.open(opened, moved, cascade);
    }

    // Learning times (skill,) of one clock.
    void times(double level, const Direction &along, double rate, double waste, double *found) {
        const double goal = graph.law.effort_at(level), goes = effort_moves(along.goal, level);
        std::fill_n(found, graph.skills, 0.0);
        if (graph.squared) squared.move(waste, along.waste);
        for (int64_t s : graph.order) {
            const Pace &pace = graph.paces[s];
            const double wanted = graph.wanted(s, goal);
            if (!(wanted > 0)) continue;
            const int64_t p = cascade->panel_of(s, wanted);
            Polynomial own;
            const double *x = cascade->at_edges + s * cascade->stride;
            own.read(rule, cascade->opening + s * NODES * cascade->panels + p, cascade->panels, 0.0, cascade->half[p],
                     x[p], x[p + 1]);
            const double place = invert(rule, own, wanted);
            const Spending spending = of_clock(look(p, place), p, place, along.waste, waste);
            const double opening = openings[static_cast<size_t>(s)], dx = moves[static_cast<size_t>(s)];
            // of the exposure that the goal needs, and of the resource time at which it is there
            const double needs = (goes - change_of[static_cast<size_t>(s)].at(pace, wanted)) / slope(pace, wanted);
            const double late = opening > 0 ? (needs - dx) / opening : 0.0;
            found[s] = (spending.moved + spending.price * late - spending.total * along.rate / rate) / rate;
        }
    }

    // Exposures (time, skill) and resource time (time,) of one clock.
    void trajectory(const Direction &along, double rate, double waste, const double *ts, const double *to_ts,
                    int64_t times, const double *clock, double *state, double *to_clock, double *to_spent) {
        std::fill_n(state, times * graph.skills, 0.0);
        if (graph.squared) squared.move(waste, along.waste);
        int64_t p = 0;
        for (int64_t k = 0; k < times; k++) {
            to_clock[k] = 0.0;
            if (to_spent) to_spent[k] = 0.0;
            if (!(ts[k] >= 0)) continue;
            const double handed_out = rate * to_ts[k] + along.rate * ts[k];
            if (to_spent) to_spent[k] = std::isfinite(clock[k]) ? handed_out : squared.moved_in_all();
            if (!std::isfinite(clock[k])) continue;
            while (p < cascade->panels - 1 && cascade->edges[p + 1] <= clock[k]) p++;
            const double half = cascade->half[p];
            // beyond the end all is over: nothing changes any more but the clock of what is wasted
            const double place = half > 0 ? std::min((clock[k] - cascade->edges[p]) / half - 1, 1.0) : 0.0;
            const Sum sums = look(p, place);
            tau = clock[k];
            const Spending spending = of_clock(sums, p, place, along.waste, waste);
            const double late = spending.price > 0 ? (handed_out - spending.moved) / spending.price : 0.0;
            to_clock[k] = late;
            double *row = state + k * graph.skills;
            for (int64_t s = 0; s < graph.skills; s++)
                row[s] = moves[static_cast<size_t>(s)] + openings[static_cast<size_t>(s)] * late;
        }
    }

  private:
    // How effort changes at a fixed exposure, linear in it: before the turn and after it.
    struct Change {
        double start, slope, late_start, late_slope;

        Change() = default;
        // `half`: of the effort where a self-paced skill turns
        Change(const Pace &pace, double start, double rate, double after, double half)
            : start(start), slope(rate), late_start(start), late_slope(after) {
            if (!pace.paced || !(pace.turn > 0)) return;
            late_start = half + pace.after / pace.rate * (start + pace.turn * rate - half) - pace.turn * after;
        }
        inline Vector at(const Pace &pace, Vector x) const {
            if (!pace.paced) return start + slope * x;
            return x < pace.turn ? start + slope * x : late_start + late_slope * x;
        }
        double at(const Pace &pace, double x) const { return at(pace, all(x))[0]; }
    };
    // The same of skills side by side.
    struct Changes {
        std::vector<double> start, slope, late_start, late_slope;

        void clear(size_t room) {
            for (auto *each : {&start, &slope, &late_start, &late_slope}) each->assign(room, 0.0);
        }
        void set(int64_t s, const Change &own) {
            const auto at = static_cast<size_t>(s);
            start[at] = own.start, slope[at] = own.slope, late_start[at] = own.late_start, late_slope[at] = own.late_slope;
        }
        inline Vector at(const Paces &paces, int64_t block, Vector x) const {
            const auto j = static_cast<size_t>(block * LANES);
            const Vector early = load(&start[j]) + load(&slope[j]) * x;
            if (!paces.paced) return early;
            return x < load(&paces.turn[j]) ? early : load(&late_start[j]) + load(&late_slope[j]) * x;
        }
    };
    struct Sum {
        double learned, demand, moved;
    };
    // What is spent up to a place, what a little more resource time costs there, and how the first moves where it stands.
    struct Spending {
        double total, price, moved;
    };

    const Solver<Law> &solver;
    const Graph<Law> &graph;
    const Rule &rule;
    const Cascade<Law> *cascade = nullptr;
    Numbers ratios, opened, moved, inside;  // d ln g, d c at nodes, d X at edges, of one skill between
    std::vector<Change> change_of;
    Changes changes;
    Table<Law> table, table_moved;
    SquaredClock<Law> squared;
    Paces paces;
    double to_plateau = 0.0;
    // of the place that is looked at: openings and exposures that move, of skills side by side
    double tau = 0.0;
    std::vector<double> openings, moves;

    static double slope(const Pace &pace, double x) { return pace.pace(all(x))[0]; }

    // How the effort of a level changes with it, and with the plateau.
    double effort_moves(double to_level, double level) const {
        const double own = to_level == 0 ? 0.0 : to_level * graph.law.effort_slope(level);
        return Law::SLOW ? own + to_plateau * graph.law.effort_by_plateau(level) : own;
    }

    void move(int64_t s, const Direction &along) {
        const int64_t panels = cascade->panels, each = NODES * panels;
        const double *o = cascade->opening + s * each, *x = cascade->at_edges + s * cascade->stride;
        double *dc = opened + s * each, *dx = moved + s * cascade->stride, *own = inside, *own_moved = inside + each;
        const Pace pace = graph.paces[s];
        dx[0] = 0.0;
        for (int64_t p = 0; p < panels; p += LANES) {
            const Vector half = load(cascade->half + p);
            Vector change[NODES], opening[NODES];
            for (int64_t n = 0; n < NODES; n++) {
                opening[n] = load(o + n * panels + p);
                Vector total = all(0.0), largest = all(-1.0);
                for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) {
                    const int64_t at = graph.behind[f] * each + n * panels + p;
                    Vector ratio = load(ratios + at), own = load(cascade->gates + at);
                    if (!graph.strength.empty()) {
                        Vector by_gate, by_strength;
                        const Vector gate = own;
                        own = graph.needs(f, gate);
                        graph.needs_slopes(f, gate, own, by_gate, by_strength);
                        ratio = by_gate * ratio + by_strength * along.strength[graph.strength_at[static_cast<size_t>(f)]];
                    }
                    if (!graph.either[s]) {
                        total += ratio;
                        continue;
                    }
                    // the first of those that lead
                    total = own > largest ? ratio : total;
                    largest = larger(own, largest);
                }
                change[n] = opening[n] * total;
                store(dc + n * panels + p, change[n]);
            }
            integrals(change, half, own_moved + p, panels);
            const Vector gained = half * dot_all(change);
            for (int64_t lane = 0; lane < LANES; lane++) dx[p + lane + 1] = dx[p + lane] + gained[lane];
            if (!graph.needed[s] && !graph.squared) continue;
            Folded(opening).integrals(rule, half, own + p, panels);
            const Vector left = load(x + p), left_moved = load(dx + p);
            for (int64_t n = 0; n < NODES; n++) {
                const Vector here = left + load(own + n * panels + p), z = pace.effort(here);
                const Vector dz = change_of[static_cast<size_t>(s)].at(pace, here) +
                                  pace.pace(here) * (left_moved + load(own_moved + n * panels + p));
                if (graph.squared) {
                    const Vector open = opening[n], left_to_learn = graph.law.demand(z), pace_there = pace.pace(here);
                    Vector moves = pace_there * (change[n] * left_to_learn + open * graph.law.demand_slope(z) * dz);
                    moves += along.frequency[s] * open * left_to_learn;
                    if (Law::SLOW) moves += pace_there * open * (to_plateau * graph.law.demand_by_plateau(z));
                    squared.add(n * panels + p, pace_there * open * left_to_learn * moves);
                    if (!graph.needed[s]) continue;
                }
                const Vector g = load(cascade->gates + s * each + n * panels + p);
                Vector depth_moves = graph.law.depth_slope(z) * dz;
                if (Law::SLOW) depth_moves += to_plateau * graph.law.depth_by_plateau(z);
                const Vector change_of_log = (1.0 - g) / (g > 0 ? g : all(1.0)) *
                                             (graph.exponent * depth_moves + graph.law.depth(z) * along.exponent);
                store(ratios + s * each + n * panels + p, g > 0 ? change_of_log : all(0.0));
            }
        }
    }

    Vector dot_all(const Vector (&values)[NODES]) const { return dot(rule.weights, values); }

    // Integrals up to the nodes, of either sign.
    void integrals(const Vector (&values)[NODES], Vector half, double *to, int64_t step) const {
        for (int64_t node = 0; node < NODES; node++) {
            Vector total = all(0.0);
            for (int64_t k = 0; k < NODES; k++) total += rule.to_nodes[k * NODES + node] * values[k];
            store(to + node * step, half * total);
        }
    }

    // By the budget law, or where there is none by the integral itself; `tau` is the resource time.
    Spending of_clock(const Sum &sums, int64_t p, double place, double to_waste, double waste) const {
        if (!graph.squared) return {sums.learned + waste * tau, sums.demand + waste, sums.moved + to_waste * tau};
        const auto at = squared.at(p, place, tau);
        return {squared.spent(at), squared.price(at), squared.moved(at)};
    }

    // Looks at a place of a panel: what all skills together have learned there, demand, and how the first changes at a
    // fixed resource time.
    Sum look(int64_t p, double place) {
        const double half = cascade->half[p];
        double each[NODES][LANES], value[NODES][LANES];
        tau = cascade->edges[p] + half * (1 + place);
        weigh(rule, all(place), all(half), each);
        weigh_values(rule, all(place), value);
        Vector weights[NODES], values[NODES], learned = all(0.0), demand = all(0.0), total = all(0.0);
        for (int64_t n = 0; n < NODES; n++) weights[n] = load(each[n]), values[n] = load(value[n]);
        table.take(p), table_moved.take(p);
        for (int64_t block = 0; block < table.blocks; block++) {
            const int64_t j = block * LANES;
            const auto at = static_cast<size_t>(j);
            Vector x = table.exposures(weights, block), z = paces.effort(j, x);
            const Integers there = z == z;
            const Vector c = there ? table.openings(values, block) : all(0.0);
            const Vector dx = there ? table_moved.integrals(weights, block) : all(0.0);
            store(&openings[at], c), store(&moves[at], dx);
            z = there ? z : all(0.0), x = there ? x : all(0.0);
            const Vector left = there ? graph.law.demand(z) : all(0.0), steep = there ? paces.pace(j, x) : all(0.0);
            const Vector start = load(&paces.start[at]);
            learned += there ? graph.law.progress(z) - graph.law.progress(start) : all(0.0);
            demand += steep * c * left;
            total += left * (changes.at(paces, block, x) + steep * dx) -
                     (there ? graph.law.demand(start) * load(&changes.start[at]) : all(0.0));
            if (Law::SLOW) {
                const Vector moved = graph.law.progress_by_plateau(z) - graph.law.progress_by_plateau(start);
                total += there ? to_plateau * moved : all(0.0);
            }
        }
        return {sum(learned), sum(demand), sum(total)};
    }
};
