// Reading a solved cascade: positions in it, exposures there, and from them trajectories, learning times and levels.

// An integral of values at the nodes, in one panel: at its left edge, at the nodes, at its right edge; and the
// coefficients of its powers, of which the first is without what came before the panel.
struct Polynomial {
    double knots[NODES + LANES], powers[NODES + LANES];

    void read(const Rule &rule, const double *values, int64_t step, double constant, double half, double base,
              double end) {
        Vector at[2] = {all(base), all(base)}, power[3] = {all(0.0), all(0.0), all(0.0)};
#pragma GCC unroll 8
        for (int64_t node = 0; node < NODES; node++) {
            const double local = (values[node * step] + constant) * half;
            const double *to_node = rule.to_nodes + node * NODES, *to_power = rule.to_powers + node * (NODES + LANES);
            for (int64_t k = 0; k < 2; k++) at[k] += local * load(to_node + k * LANES);
            for (int64_t k = 0; k < 3; k++) power[k] += local * load(to_power + k * LANES);
        }
        knots[0] = base;
        for (int64_t k = 0; k < 2; k++) store(knots + 1 + k * LANES, at[k]);
        knots[NODES + 1] = end;
        for (int64_t k = 0; k < 3; k++) store(powers + k * LANES, power[k]);
    }
};

// Where polynomials reach their targets, by Newton's method from the chord between two nodes, as in
// `cascade.invert_primitive`. Each of four lanes may have a polynomial of its own; two vectors at a time, since a chain
// of operations takes longer than their number.
template <class Knot, class Power>
INLINE void invert(const Rule &rule, const Knot &knot, const Power &power, const Vector (&target)[2],
                   Vector (&place)[2]) {
    Vector low[2], high[2], missing[2];
#pragma GCC unroll 2
    for (int64_t v = 0; v < 2; v++) {
        Vector below = knot(v, 0), above = knot(v, 1);
        low[v] = all(rule.places[0]), high[v] = all(rule.places[1]), missing[v] = below - target[v];
#pragma GCC unroll 8
        for (int64_t node = 1; node <= NODES; node++) {
            const Integers past = knot(v, node) <= target[v];
            low[v] = past ? all(rule.places[node]) : low[v];
            high[v] = past ? all(rule.places[node + 1]) : high[v];
            below = past ? knot(v, node) : below;
            above = past ? knot(v, node + 1) : above;
        }
        const Vector rise = above - below, part = (target[v] - below) / (rise > 0 ? rise : all(1.0));
        place[v] = low[v] + (high[v] - low[v]) * (rise > 0 ? smaller(larger(part, all(0.0)), all(1.0)) : all(0.0));
    }
    for (int64_t step = 0; step <= NEWTON_STEPS; step++) {
        Vector value[2] = {power(0, NODES), power(1, NODES)}, slope[2] = {all(0.0), all(0.0)}, change[2];
#pragma GCC unroll 8
        for (int64_t k = NODES - 1; k >= 0; k--)
#pragma GCC unroll 2
            for (int64_t v = 0; v < 2; v++) {
                slope[v] = slope[v] * place[v] + value[v];
                value[v] = value[v] * place[v] + power(v, k);
            }
#pragma GCC unroll 2
        for (int64_t v = 0; v < 2; v++) {
            const Integers rising = slope[v] > 0;
            change[v] = rising ? (value[v] + missing[v]) / (rising ? slope[v] : all(1.0)) : all(0.0);
            place[v] -= change[v];
        }
        for (int64_t v = 0; v < 2; v++) {
            // NaN stays
            place[v] = place[v] < low[v] ? low[v] : place[v];
            place[v] = place[v] > high[v] ? high[v] : place[v];
        }
        // the next change would be of the order of the square
        if (largest(larger(magnitude(change[0]), magnitude(change[1]))) < 1e-9) break;
    }
}

// Weight of each node in the integral up to a place, times half the width of the panel. Nodes lie symmetrically: the
// even powers of a node's weight are those of its mirror image with the other sign.
INLINE void weigh(const Rule &rule, Vector place, Vector half, double (*weights)[LANES]) {
    const Vector square = place * place;
#pragma GCC unroll 4
    for (int64_t node = 0; node < NODES / 2; node++) {
        const double *power = rule.powers + node;
        Vector odd = all(power[(NODES - 1) * NODES]), even = all(power[NODES * NODES]);
#pragma GCC unroll 4
        for (int64_t k = NODES - 2; k > 0; k -= 2) {
            odd = odd * square + power[(k - 1) * NODES];
            even = even * square + power[k * NODES];
        }
        odd *= place, even = even * square + power[0];
        store(weights[node], half * (odd + even));
        store(weights[NODES - 1 - node], half * (odd + (rule.weights[node] - even)));
    }
}

// Openings of the skills of one panel in blocks of four side by side, node after node, and at the end the exposures at
// its left edge: four panels at a time.
class Table {
  public:
    const int64_t blocks;

    explicit Table(int64_t skills) : blocks((skills + LANES - 1) / LANES), skills(skills) {}

    // What is read from now on.
    void open(const double *opening, const Cascade &cascade) {
        this->opening = opening, this->cascade = &cascade;
        if (cascade.panels > room) room = cascade.panels, numbers = Numbers(room * blocks * BLOCK);
        filled.assign(static_cast<size_t>(cascade.panels / LANES), 0);
    }

    // Makes ready to read a panel.
    void take(int64_t panel) {
        const int64_t first = panel / LANES * LANES, panels = cascade->panels;
        here = numbers + panel * blocks * BLOCK;
        if (filled[panel / LANES]) return;
        filled[panel / LANES] = 1;
        for (int64_t block = 0; block < blocks; block++) {
            const double *from[LANES], *left[LANES];
            for (int64_t lane = 0; lane < LANES; lane++) {
                const int64_t s = std::min(block * LANES + lane, skills - 1);
                from[lane] = opening + s * NODES * panels + first;
                left[lane] = cascade->at_edges + s * cascade->stride + first;
            }
            double *to = numbers + (first * blocks + block) * BLOCK;
            for (int64_t node = 0; node < NODES; node++, to += LANES)
                transpose(from[0] + node * panels, from[1] + node * panels, from[2] + node * panels,
                          from[3] + node * panels, to, blocks * BLOCK);
            transpose(left[0], left[1], left[2], left[3], to, blocks * BLOCK);
        }
    }

    // Exposures of a block of skills, NaN if absent; rounding must not make a level negative.
    Vector exposures(const Vector (&weights)[NODES], int64_t block) const {
        const double *at = here + block * BLOCK;
        Vector first = load(at + NODES * LANES), second = weights[1] * load(at + LANES);
#pragma GCC unroll 8
        for (int64_t node = 0; node < NODES; node += 2) {
            first += weights[node] * load(at + node * LANES);
            if (node > 0) second += weights[node + 1] * load(at + (node + 1) * LANES);
        }
        const Vector value = first + second;
        return value < 0 ? all(0.0) : value;
    }

  private:
    static constexpr int64_t BLOCK = (NODES + 1) * LANES;
    const int64_t skills;
    int64_t room = 0;
    Numbers numbers;
    std::vector<uint8_t> filled;
    const double *opening = nullptr, *here = nullptr;
    const Cascade *cascade = nullptr;
};

// One graph after the other, in buffers that are made once a thread.
class Worker {
  public:
    Worker(const Problem &problem, const Rule &rule)
        : problem(problem), rule(rule), skills(problem.skills), coarse_stride(problem.coarse_panels + LANES),
          usual(problem.skills, problem.panels), coarse(coarse_stride), along(coarse_stride),
          measure(coarse_stride), exposure(problem.skills * coarse_stride),
          coarse_gates(problem.skills * COARSE_NODES * problem.coarse_panels), table(problem.skills) {}

    // Exposures (exponent, clock, time, skill) and resource time (exponent, clock, time) of a row. None of its clocks
    // passes `last` before all is over, but for those without waste, which end with nothing left to learn at the effort
    // `end`, if positive.
    template <class Out>
    void trajectories(int64_t row, double last, double end, const double *ts, int64_t times, Out *state, Out *clock,
                      uint8_t *unsure, uint8_t *lost) {
        graph.read(problem, row);
        last = last_of(last);
        if (end > 0) last = std::max(last, reach(end * graph.largest_exponent / graph.exponent));
        place_coarse(std::max(last * (1 + 1e-5), 1e6 * TINY));
        place_first(problem.coarse_panels);
        bool enough = false;
        Cascade *solved = finest(row, true, enough, [](const Cascade &) { return false; });
        tell(row, enough, unsure);
        for (int64_t e = 0; e < problem.exponents; e++) {
            const double own = problem.all_exponents[row * problem.exponents + e];
            const Cascade *mine = solved;
            if (problem.exponents > 1) {
                another_like(*solved).at_exponent(graph, rule, *solved, own / graph.exponent, true);
                mine = other.get();
            }
            for (int64_t c = 0; c < problem.clocks; c++) {
                const int64_t member = (row * problem.exponents + e) * problem.clocks + c;
                lost[member] = read(*mine, solved->opening, problem.learning_rate[member], problem.waste[member], ts,
                                    times, state + member * times * skills, clock + member * times);
            }
        }
    }

    // Training steps (exponent, clock, skill) at which each skill's effort is at `goal`.
    template <class Out>
    void times(int64_t row, double goal, Out *found, uint8_t *unsure) {
        graph.read(problem, row);
        const double ratio = graph.largest_exponent / graph.exponent;
        const double last = reach(goal * ratio);
        place_coarse(std::max(last * (1 + 1e-5), 1e-3 / graph.fastest));
        // one panel more than seems needed: the solve is coarse
        int64_t until = 1;
        for (int64_t s : graph.order) {
            const double wanted = (goal * ratio - graph.start[s]) / graph.frequency[s];
            while (until < problem.coarse_panels && exposure[s * coarse_stride + until - 1] < wanted) until++;
        }
        place_first(until);
        bool enough = false;
        const Cascade *solved = finest(row, false, enough, [&](const Cascade &cascade) {
            for (int64_t s : graph.order) {
                const double wanted = (goal * ratio - graph.start[s]) / graph.frequency[s];
                if (cascade.at_edges[s * cascade.stride + cascade.panels] < wanted * (1 - 1e-9)) return true;
            }
            return false;
        });
        tell(row, enough, unsure);
        for (int64_t e = 0; e < problem.exponents; e++) {
            const double own = problem.all_exponents[row * problem.exponents + e] / graph.exponent;
            read_times(*solved, goal, own, row * problem.exponents + e, found);
        }
    }

  private:
    const Problem &problem;
    const Rule &rule;
    const int64_t skills, coarse_stride;
    Graph graph;
    Cascade usual;
    std::unique_ptr<Cascade> finer, other;
    Numbers coarse, along, measure, exposure, coarse_gates;
    Table table;
    std::vector<double> errors, finer_edges, kinks, begins, slows, spent, pace, begun;
    std::vector<int64_t> panel;
    bool outside_yet = false;

    void place_coarse(double last) {
        logarithmic_edges(1 / graph.fastest, last, problem.coarse_panels, coarse, along);
        coarse_solve(graph, rule, coarse, problem.coarse_panels, coarse_gates, exposure, coarse_stride);
    }

    // The edges of the first solve, up to one of the coarse ones.
    void place_first(int64_t until) {
        usual.resize(panels_for(graph, exposure, coarse_stride, until, problem.panels, problem.most_panels));
        even_edges(graph, coarse, along, exposure, coarse_stride, until, usual.panels, measure, usual.edges);
    }

    static Cascade &resized(std::unique_ptr<Cascade> &cascade, int64_t skills, int64_t panels) {
        if (!cascade) cascade = std::make_unique<Cascade>(skills, panels);
        cascade->resize(panels);
        return *cascade;
    }

    Cascade &another_like(const Cascade &cascade) { return resized(other, skills, cascade.panels); }

    // No range need go on when all is over: there the clock of what is wasted runs on its own (`read`).
    double last_of(double last) {
        const double goal = graph.all_over();
        double least = 0.0;
        for (int64_t s : graph.order) least = std::max(least, (goal - graph.start[s]) / graph.frequency[s]);
        return last > least ? std::min(last, reach(goal)) : last;
    }

    // Which gate exponents of a row are unsure; each stands for itself.
    void tell(int64_t row, bool enough, uint8_t *unsure) const {
        for (int64_t e = 0; e < problem.exponents; e++)
            unsure[row * problem.exponents + e] = !enough && (outside_yet || !(errors[e] <= problem.tolerance));
    }

    // Solves with more and more panels until the error is within the tolerance; the first on the edges in `usual`.
    template <class Outside>
    Cascade *finest(int64_t row, bool with_demand, bool &enough, const Outside &outside) {
        Cascade *cascade = &usual;
        for (int64_t attempt = 1;; attempt++) {
            const double worst = solve_exponents(*cascade, row, with_demand);
            const bool beyond = outside_yet = outside(*cascade);
            enough = worst <= problem.tolerance && !beyond;
            const bool finest_yet = cascade->panels >= problem.most_panels && !beyond && cascade->kinks.empty();
            if (enough || finest_yet || attempt == problem.attempts) return cascade;
            if (beyond) {
                // the range was an estimate: go on further
                cascade->edges[cascade->panels] *= 10;
                cascade->panel_error[cascade->panels - 1] += 1;
            }
            const bool last = attempt + 1 == problem.attempts;
            const int64_t panels = last ? problem.most_panels : more_panels(cascade->panels, worst);
            refine(*cascade, panels);
            cascade = &resized(finer, skills, static_cast<int64_t>(finer_edges.size()) - 1);
            std::copy(finer_edges.begin(), finer_edges.end(), &cascade->edges[0]);
        }
    }

    // Edges of the next solve in `finer_edges`: more panels, and on top of them, as far as there is room, one more at
    // each kink, so that what is integrated is smooth inside every panel.
    void refine(const Cascade &cascade, int64_t panels) {
        kinks = cascade.kinks;
        std::sort(kinks.begin(), kinks.end());
        const auto same = [](double a, double b) { return b - a <= 1e-14 * b; };
        kinks.erase(std::unique(kinks.begin(), kinks.end(), same), kinks.end());
        const int64_t count = std::min(static_cast<int64_t>(kinks.size()), problem.most_panels / 2);
        const int64_t whole = std::min((panels + count + LANES - 1) / LANES * LANES, problem.most_panels);
        kinks.resize(static_cast<size_t>(count));
        finer_edges.resize(static_cast<size_t>(whole - count + 1));
        refine_edges(cascade.edges, cascade.panel_error, cascade.panels, whole - count, finer_edges.data());
        finer_edges.insert(finer_edges.end() - 1, kinks.begin(), kinks.end());
        std::sort(finer_edges.begin(), finer_edges.end());
    }

    // Inside a panel the interpolant's error falls with about the ninth power of the width. A fifth more to be safe; a
    // kink or a very wrong estimate is left to the attempts to come.
    int64_t more_panels(int64_t panels, double worst) const {
        const double missing = worst / problem.tolerance;
        double growth = 1.2 * std::pow(missing, 1.0 / 9);
        growth = growth < 4 ? std::max(growth, 4.0 / 3) : 4.0;  // also of what is not a number
        const auto wanted = static_cast<int64_t>(growth * static_cast<double>(panels));
        return std::min((wanted + LANES - 1) / LANES * LANES, problem.most_panels);
    }

    // A solve for all gate exponents of a graph: the worst of their errors.
    double solve_exponents(Cascade &cascade, int64_t row, bool with_demand) {
        errors.resize(static_cast<size_t>(problem.exponents));
        if (problem.exponents == 1) return errors[0] = cascade.solve(graph, rule, with_demand);
        cascade.solve(graph, rule, false);
        Cascade &own = another_like(cascade);
        for (int64_t p = 0; p < own.panels; p++) own.panel_error[p] = 0.0;
        double worst = 0.0;
        for (int64_t e = 0; e < problem.exponents; e++) {
            const double ratio = problem.all_exponents[row * problem.exponents + e] / graph.exponent;
            const double error = errors[e] = own.at_exponent(graph, rule, cascade, ratio, with_demand);
            if (!(error <= worst)) worst = error;
        }
        for (int64_t p = 0; p < own.panels; p++) cascade.panel_error[p] += own.panel_error[p];
        return worst;
    }

    // `cascade.read_clock`: exposures and resource time at training steps; true if something was not finite.
    template <class Out>
    bool read(const Cascade &cascade, const double *opening, double rate, double waste, const double *ts,
              int64_t times, Out *state, Out *clock) {
        const int64_t panels = cascade.panels;
        spent.resize(static_cast<size_t>(panels + 1));
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector values[NODES];
            for (int64_t node = 0; node < NODES; node++)
                values[node] = load(cascade.demand + node * panels + p) + waste;
            store(&spent[p + 1], load(cascade.half + p) * dot(rule.weights, values));
        }
        spent[0] = 0.0;
        for (int64_t p = 0; p < panels; p++) spent[p + 1] += spent[p];
        const int64_t *order = graph.order.data(), count = static_cast<int64_t>(graph.order.size());
        double total = 0.0;
        for (int64_t k = 0; k < count; k++) total += cascade.at_edges[order[k] * cascade.stride + panels];
        Polynomial polynomial;
        table.open(opening, cascade);
        // the range ends when everything is learned; from then on the clock only wastes, or without waste is infinite
        int64_t ended = times, t = 0;
        while (ended > 0 && rate * ts[ended - 1] >= spent[panels]) ended--;
        for (int64_t p = 0; p < panels && t < ended; p++) {
            int64_t end = t;
            while (end < ended && (p == panels - 1 || rate * ts[end] < spent[p + 1])) end++;
            if (end == t) continue;
            const double half = cascade.half[p];
            polynomial.read(rule, cascade.demand + p, panels, waste, half, spent[p], spent[p + 1]);
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
                    store(tau + v * LANES, cascade.edges[p] + half * (1.0 + place[v]));
                }
                for (int64_t k = 0; k < here; k++) {
                    const double now = ts[t + k] > 0 ? tau[k] : 0.0;
                    total += now;
                    clock[t + k] = static_cast<Out>(now);
                    Vector weights[NODES];
                    for (int64_t node = 0; node < NODES; node++) weights[node] = all(each[k / LANES][node][k % LANES]);
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
            const double more = waste > 0 ? (rate * ts[t] - spent[panels]) / waste : INFINITY;
            clock[t] = static_cast<Out>(cascade.edges[panels] + more);
            for (int64_t s = 0; s < skills; s++) state[t * skills + s] = NAN;
            for (int64_t k = 0; k < count; k++) {
                const double x = cascade.at_edges[order[k] * cascade.stride + panels];
                state[t * skills + order[k]] = static_cast<Out>(x + more);
            }
        }
        const bool lost = !std::isfinite(total);
        if (ts[0] == 0)
            for (int64_t k = 0; k < count; k++) state[order[k]] = 0;
        for (int64_t place = 0; lost && place < times * skills; place++) state[place] = NAN;
        for (int64_t place = 0; lost && place < times; place++) clock[place] = NAN;
        return lost;
    }

    // `cascade.reach`: a resource time by which every skill's effort is at its goal.
    double reach(double goal) {
        const double huge = std::pow(HUGE_NUMBER, 0.8), root = std::sqrt(huge);
        begins.resize(static_cast<size_t>(2 * skills)), slows.resize(static_cast<size_t>(2 * skills));
        const double gate = saturation(graph.exponent);
        double latest = 0.0;
        for (int64_t s : graph.order) {
            const double wanted = std::max(goal - graph.start[s], 0.0) / graph.frequency[s];
            const int64_t count = graph.count(s);
            begins[2 * s] = begins[2 * s + 1] = 0.0, slows[2 * s] = slows[2 * s + 1] = 1.0;
            double best = count ? huge : wanted;
            for (int64_t line = 0; line < (count ? 2 : 0); line++) {
                const double many = static_cast<double>(graph.either[s] ? 1 : count);
                const double depth = line ? std::log(many + 1) / graph.exponent : 1.0;
                // the second depth is that at which a gate is open by all but one of its parts
                const double open = line ? many / (many + 1) : gate;
                const bool either = graph.either[s];
                double from = either ? huge : 0.0, slow = 1.0;
                for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) {
                    const int64_t b = graph.behind[f];
                    const double missing = std::max(depth - graph.start[b], 0.0) / graph.frequency[b];
                    const double reached = std::min(begins[2 * b] + slows[2 * b] * missing,
                                                    begins[2 * b + 1] + slows[2 * b + 1] * missing);
                    from = either ? std::min(from, reached) : std::max(from, std::min(reached, huge));
                    slow = std::min(either ? 1 / open : slow / open, huge);
                }
                begins[2 * s + line] = from, slows[2 * s + line] = slow;
                best = std::min(best, from + slow * std::min(wanted, root));
            }
            latest = std::max(latest, std::min(best, huge));
        }
        return latest;
    }

    // Times of all clocks of one gate exponent, `ratio` times the solved one.
    template <class Out>
    void read_times(const Cascade &cascade, double goal, double ratio, int64_t first, Out *found) {
        const int64_t *order = graph.order.data(), count = static_cast<int64_t>(graph.order.size());
        const int64_t panels = cascade.panels, clocks = problem.clocks;
        const size_t room = static_cast<size_t>(table.blocks * LANES);
        pace.assign(room, NAN), begun.assign(room, 0.0), panel.resize(static_cast<size_t>(count));
        double before = 0.0;
        for (int64_t k = 0; k < count; k++) {
            const int64_t s = order[k];
            pace[s] = graph.frequency[s], begun[s] = graph.start[s];
            if (begun[s] > 0) before += saturation(begun[s]);
        }
        for (int64_t c = 0; c < clocks; c++)
            for (int64_t s = 0; s < skills; s++) found[(first * clocks + c) * skills + s] = NAN;
        table.open(cascade.opening, cascade);
        for (int64_t k = 0; k < count; k += 2 * LANES) {
            Polynomial polynomials[2 * LANES];
            double wanted[2 * LANES], half[2 * LANES], left[2 * LANES], each[2][NODES][LANES];
            Vector target[2], place[2];
            for (int64_t i = 0; i < 2 * LANES; i++) {
                const int64_t j = std::min(k + i, count - 1), s = order[j];
                const double *x = cascade.at_edges + s * cascade.stride;
                wanted[i] = std::max((goal * ratio - begun[s]) / pace[s], 0.0);
                int64_t at = 0;
                while (at < panels - 1 && x[at + 1] <= wanted[i]) at++;
                panel[j] = at, half[i] = cascade.half[at], left[i] = cascade.edges[at];
                polynomials[i].read(rule, cascade.opening + s * NODES * panels + at, panels, 0.0, half[i], x[at],
                                    x[at + 1]);
            }
            for (int64_t v = 0; v < 2; v++) target[v] = load(wanted + v * LANES);
            invert(
                rule,
                [&](int64_t v, int64_t node) {
                    const Polynomial *own = polynomials + v * LANES;
                    return Vector{own[0].knots[node], own[1].knots[node], own[2].knots[node], own[3].knots[node]};
                },
                [&](int64_t v, int64_t power) {
                    const Polynomial *own = polynomials + v * LANES;
                    return Vector{own[0].powers[power], own[1].powers[power], own[2].powers[power],
                                  own[3].powers[power]};
                },
                target, place);
            for (int64_t v = 0; v < 2; v++) {
                weigh(rule, place[v], load(half + v * LANES), each[v]);
                store(left + v * LANES, load(left + v * LANES) + load(half + v * LANES) * (1.0 + place[v]));
            }
            for (int64_t i = 0; i < std::min(2 * LANES, count - k); i++) {
                const int64_t s = order[k + i];
                table.take(panel[k + i]);
                Vector weights[NODES], learned = all(0.0);
                for (int64_t node = 0; node < NODES; node++) weights[node] = all(each[i / LANES][node][i % LANES]);
                for (int64_t block = 0; block < table.blocks; block++) {
                    const int64_t j = block * LANES;
                    const Vector exposure = table.exposures(weights, block) / ratio;
                    const Vector level = saturation(load(&begun[j]) + load(&pace[j]) * exposure);
                    learned += level == level ? level : all(0.0);  // not every place holds a skill
                }
                const double clock = std::min(std::max(left[i], 0.0), cascade.edges[panels]) / ratio;
                for (int64_t c = 0; c < clocks; c++) {
                    const int64_t member = first * clocks + c;
                    const double total = sum(learned) - before + problem.waste[member] * clock;
                    found[member * skills + s] =
                        static_cast<Out>(wanted[i] == 0 ? 0.0 : total / problem.learning_rate[member]);
                }
            }
        }
    }
};

// Levels (time, skill) of the exposures of one member.
template <class Out>
INLINE void levels(const double *frequency, const double *start, int64_t skills, int64_t times, const Out *state,
                   Out *level) {
    for (int64_t t = 0; t < times; t++, state += skills, level += skills) {
        int64_t s = 0;
        for (; s + LANES <= skills; s += LANES)
            store(level + s, saturation(load(start + s) + load(frequency + s) * load(state + s)));
        for (; s < skills; s++)
            level[s] = static_cast<Out>(saturation(start[s] + frequency[s] * static_cast<double>(state[s])));
    }
}
