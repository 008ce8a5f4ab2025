// Cotangents of learning times and of trajectories to those of the parameters, by implicit differentiation:
// eta t = sum_j [progress(z_j) - progress(z_j(0))] + N0 tau, at the tau of a goal or at that of a training step; with "l2"
// eta t is the integral of `squared.h`.

template <class Law>
class Backward {
  public:
    // those that have a solution
    std::vector<int64_t> clocks;

    explicit Backward(const Solver<Law> &solver) : solver(solver), graph(solver.graph), rule(solver.rule), adjoint(solver), squared(solver) {}

    // Learning times of a row and a group; (skill,) a clock.
    void times(const Cascade<Law> &cascade, double level, int64_t row, int64_t group,
               const View<const double> &cotangent, const Parameters<double> &to) {
        const double goal = graph.law.effort_at(level);
        const int64_t count = static_cast<int64_t>(graph.order.size());
        adjoint.open(cascade);
        if (graph.squared) squared.open(cascade), found.clear();
        for (int64_t c : clocks) *to.rate.at(row, group, c) = *to.waste.at(row, group, c) = 0.0;
        total_weight = 0.0;
        for (int64_t k = 0; k < count; k += 2 * LANES) {
            int64_t of[2 * LANES];
            double goals[2 * LANES], values[2][NODES][LANES];
            for (int64_t i = 0; i < 2 * LANES; i++) {
                of[i] = graph.order[static_cast<size_t>(std::min(k + i, count - 1))];
                goals[i] = graph.wanted(of[i], goal);
            }
            reached.find(rule, cascade, of, goals);
            for (int64_t v = 0; v < 2; v++) weigh_values(rule, load(reached.place + v * LANES), values[v]);
            for (int64_t i = 0; i < std::min(2 * LANES, count - k); i++) {
                if (!(reached.wanted[i] > 0)) continue;
                if (graph.squared) {
                    found.push_back({of[i], reached.wanted[i], squared.at(reached.panel[i], reached.place[i], reached.clock[i])});
                    continue;
                }
                Vector weights[NODES], slopes[NODES];
                reached.weights_of(i, weights);
                for (int64_t n = 0; n < NODES; n++) slopes[n] = all(values[i / LANES][n][i % LANES]);
                one_time(i, of[i], row, group, weights, slopes, cotangent, to);
            }
        }
        if (graph.squared) squared_times(cascade, row, group, cotangent, to);
        finish(row, group, to, level, -total_weight);
    }

    // A trajectory of a row and a group: exposures (time, skill) and resource time (time,) a clock. `clock` is what the
    // solve has found.
    void trajectory(const Cascade<Law> &cascade, int64_t row, int64_t group, const Cotangents &given) {
        const Batch &batch = solver.batch;
        const Parameters<double> &to = given.by;
        const int64_t times = given.times;
        adjoint.open(cascade);
        if (graph.squared) squared.open(cascade);
        total_weight = 0.0;
        for (int64_t c : clocks) {
            const double rate = *batch.rate.at(row, group, c), waste = *batch.waste.at(row, group, c);
            const double *tau = given.given.clock.at(row, group, c), *t = given.given.ts.at(row, group, c);
            const double *bars = given.found.at(row, group, c), *to_clock = given.clock.at(row, group, c);
            const double *to_spent = graph.squared ? given.spent.at(row, group, c) : nullptr;
            if (graph.squared) squared.begin(waste);
            double by_rate = 0.0, by_waste = 0.0, *by_ts = given.steps.at(row, group, c);
            int64_t p = 0;
            for (int64_t k = 0; k < times; k += LANES) {
                int64_t panel[LANES];
                Vector place = all(0.0), half = all(0.0);
                const int64_t here = std::min(LANES, times - k);
                for (int64_t lane = 0; lane < here; lane++) {
                    const double now = std::isfinite(tau[k + lane]) ? tau[k + lane] : cascade.edges[p];
                    while (p < cascade.panels - 1 && cascade.edges[p + 1] <= now) p++;
                    panel[lane] = p, half[lane] = cascade.half[p];
                    // beyond the end all is over: nothing changes any more but the clock of what is wasted
                    place[lane] = half[lane] > 0 ? std::min((now - cascade.edges[p]) / half[lane] - 1, 1.0) : 0.0;
                }
                double each[NODES][LANES], value[NODES][LANES];
                weigh(rule, place, half, each);
                weigh_values(rule, place, value);
                for (int64_t lane = 0; lane < here; lane++) {
                    const int64_t step = k + lane;
                    by_ts[step] = 0.0;
                    if (!(t[step] >= 0)) continue;
                    if (to_spent && std::isfinite(tau[step]))
                        by_rate += to_spent[step] * t[step], by_ts[step] = to_spent[step] * rate;
                    else if (to_spent)  // all that there is to spend
                        squared.pull_all(to_spent[step]);
                    if (!std::isfinite(tau[step])) continue;
                    Vector weights[NODES], slopes[NODES];
                    for (int64_t n = 0; n < NODES; n++) weights[n] = all(each[n][lane]), slopes[n] = all(value[n][lane]);
                    double price = -1.0;
                    typename SquaredClock<Law>::Place here;
                    if (graph.squared) here = squared.at(panel[lane], place[lane], tau[step]), price = squared.price(here);
                    const double share =
                        one_step(panel[lane], weights, slopes, waste, bars + step * graph.skills, to_clock[step], price);
                    by_rate += share * t[step], by_ts[step] += share * rate;
                    if (graph.squared)
                        squared.pull(here, -share);
                    else
                        by_waste -= share * tau[step];
                }
            }
            if (graph.squared) by_waste = squared.finish();
            *to.rate.at(row, group, c) = by_rate, *to.waste.at(row, group, c) = by_waste;
        }
        finish(row, group, to, 0.0, total_weight);
    }

  private:
    const Solver<Law> &solver;
    const Graph<Law> &graph;
    const Rule &rule;
    Adjoint<Law> adjoint;
    Reached<Law> reached;
    SquaredClock<Law> squared;
    // where a skill reaches its goal, at an exposure `wanted`
    struct Found {
        int64_t skill;
        double wanted;
        typename SquaredClock<Law>::Place place;
    };
    std::vector<Found> found;
    std::vector<double> bars, pulls;
    double total_weight = 0.0;

    void one_time(int64_t i, int64_t s, int64_t row, int64_t group, const Vector (&weights)[NODES],
                  const Vector (&slopes)[NODES], const View<const double> &cotangent, const Parameters<double> &to) {
        const Batch &batch = solver.batch;
        double weight = 0.0, weighed = 0.0;
        for (int64_t c : clocks) {
            const double mine = cotangent.at(row, group, c)[s] / *batch.rate.at(row, group, c);
            weight += mine, weighed += mine * *batch.waste.at(row, group, c);
            *to.waste.at(row, group, c) += mine * reached.clock[i];
        }
        Table<Law> &table = adjoint.table;
        const Paces &paces = adjoint.paces;
        table.take(reached.panel[i]);
        double *points = adjoint.points_of(reached.panel[i]), own = 0.0;
        Vector demand = all(0.0), learned = all(0.0), by_plateau = all(0.0);
        for (int64_t block = 0; block < table.blocks; block++) {
            const int64_t j = block * LANES;
            Vector x = table.exposures(weights, block), c = table.openings(slopes, block), z = paces.effort(j, x);
            const Integers there = z == z;
            if (s / LANES == block) own = c[s % LANES];
            z = there ? z : all(0.0), c = there ? c : all(0.0), x = there ? x : all(0.0);
            const Vector left = there ? graph.law.demand(z) : all(0.0), pull = there ? left * paces.pace(j, x) : all(0.0);
            demand += pull * c;
            learned += there ? graph.law.progress(z) - graph.law.progress(load(&paces.start[static_cast<size_t>(j)])) : all(0.0);
            if (Law::SLOW) by_plateau += there ? progress_by_plateau(j, z) : all(0.0);
            adjoint.add_effort(block, x, weight * left);
            adjoint.add(points, block, weights, weight * pull);
        }
        total_weight += weight;
        if (Law::SLOW) adjoint.gathered.plateau += weight * sum(by_plateau);
        const double spent = sum(learned);
        for (int64_t c : clocks) {
            const double rate = *batch.rate.at(row, group, c), waste = *batch.waste.at(row, group, c);
            *to.rate.at(row, group, c) -= cotangent.at(row, group, c)[s] * (spent + waste * reached.clock[i]) / (rate * rate);
        }
        if (!(own > 0)) return;
        // the resource time at which the skill is there
        const double back = (weight * sum(demand) + weighed) / own;
        double scalars[NODES];
        for (int64_t n = 0; n < NODES; n++) scalars[n] = weights[n][0];
        reaches(s, reached.panel[i], reached.wanted[i], scalars, back);
    }

    // Learning times of "l2", in `found`.
    void squared_times(const Cascade<Law> &cascade, int64_t row, int64_t group, const View<const double> &cotangent,
                       const Parameters<double> &to) {
        std::vector<double> back(found.size(), 0.0);
        for (int64_t c : clocks) {
            const double rate = *solver.batch.rate.at(row, group, c);
            squared.begin(*solver.batch.waste.at(row, group, c));
            for (size_t k = 0; k < found.size(); k++) {
                const double given = cotangent.at(row, group, c)[found[k].skill];
                *to.rate.at(row, group, c) -= given * squared.spent(found[k].place) / (rate * rate);
                squared.pull(found[k].place, given / rate);
                back[k] += given / rate * squared.price(found[k].place);
            }
            *to.waste.at(row, group, c) = squared.finish();
        }
        for (size_t k = 0; k < found.size(); k++) {
            const Found &at = found[k];
            double own = 0.0, weights[NODES];
            for (int64_t n = 0; n < NODES; n++) {
                const int64_t node = (at.skill * NODES + n) * cascade.panels + at.place.panel;
                own += at.place.values[n][0] * cascade.opening[node], weights[n] = at.place.weights[n][0];
            }
            if (own > 0) reaches(at.skill, at.place.panel, at.wanted, weights, back[k] / own);
        }
    }

    // A skill is at its exposure earlier or later: `back` is the cotangent of that.
    void reaches(int64_t s, int64_t panel, double wanted, const double *weights, double back) {
        adjoint.add(adjoint.points_of(panel), s, weights, -back);
        Gathered &got = adjoint.gathered;
        got.goal += EffortCotangents::goal(graph.paces[s], back, wanted, got.rate[s], got.start[s], got.after[s], got.half);
    }

    // Of what a block of skills has learned since the start.
    inline Vector progress_by_plateau(int64_t j, Vector z) const {
        return graph.law.progress_by_plateau(z) -
               graph.law.progress_by_plateau(load(&adjoint.paces.start[static_cast<size_t>(j)]));
    }

    // Returns the cotangent of the resource spent up to this step; `price`: what a little more resource time costs, where
    // there is no budget law that tells.
    double one_step(int64_t p, const Vector (&weights)[NODES], const Vector (&slopes)[NODES], double waste,
                    const double *to_state, double to_clock, double price) {
        Table<Law> &table = adjoint.table;
        const Paces &paces = adjoint.paces;
        table.take(p);
        double *points = adjoint.points_of(p);
        Vector demand = all(0.0), along = all(0.0), by_plateau = all(0.0);
        const size_t room = static_cast<size_t>(table.blocks * LANES);
        bars.resize(room), pulls.resize(3 * room);
        for (int64_t block = 0; block < table.blocks; block++) {
            const int64_t j = block * LANES;
            Vector x = table.exposures(weights, block), c = table.openings(slopes, block), z = paces.effort(j, x);
            const Integers there = z == z;
            Vector bar = all(0.0);
            if (j + LANES <= graph.skills)
                bar = load(to_state + j);
            else
                for (int64_t s = j; s < graph.skills; s++) bar[s - j] = to_state[s];
            bar = there ? bar : all(0.0), z = there ? z : all(0.0), c = there ? c : all(0.0), x = there ? x : all(0.0);
            const Vector left = there ? graph.law.demand(z) : all(0.0), pull = there ? left * paces.pace(j, x) : all(0.0);
            demand += pull * c, along += bar * c;
            if (Law::SLOW) by_plateau += there ? progress_by_plateau(j, z) : all(0.0);
            store(&bars[static_cast<size_t>(j)], bar), store(&pulls[static_cast<size_t>(j)], pull);
            store(&pulls[room + static_cast<size_t>(j)], left), store(&pulls[2 * room + static_cast<size_t>(j)], x);
        }
        const double total = graph.squared ? price : sum(demand) + waste;
        const double share = total > 0 ? (to_clock + sum(along)) / total : 0.0, lawful = graph.squared ? 0.0 : share;
        total_weight += lawful;
        if (Law::SLOW) adjoint.gathered.plateau -= lawful * sum(by_plateau);
        for (int64_t block = 0; block < table.blocks; block++) {
            const size_t j = static_cast<size_t>(block * LANES);
            adjoint.add_effort(block, load(&pulls[2 * room + j]), -lawful * load(&pulls[room + j]));
            adjoint.add(points, block, weights, load(&bars[j]) - lawful * load(&pulls[j]));
        }
        return share;
    }

    // What is left to do: the sweep, the budget at the start, and from efforts to levels; `level`: the goal, if any.
    void finish(int64_t row, int64_t group, const Parameters<double> &to, double level, double started) {
        adjoint.sweep(graph.squared ? squared.cotangents() : nullptr);
        const Gathered &got = adjoint.gathered;
        double *frequency = to.frequency.at(row, group), *levels = to.level.at(row, group);
        double *after = to.after.at(row, group);
        for (int64_t s = 0; s < graph.skills; s++) frequency[s] = levels[s] = after[s] = 0.0;
        double plateau = got.plateau;
        if (Law::SLOW)
            plateau += got.goal * graph.law.effort_by_plateau(level) + got.half * graph.law.effort_by_plateau(0.5);
        for (int64_t s : graph.order) {
            const double start = got.start[s] + started * graph.law.demand(all(graph.paces[s].start))[0];
            frequency[s] = got.rate[s], after[s] = got.after[s];
            levels[s] = graph.begun ? start : start * graph.law.effort_slope(graph.level[s]);
            if (Law::SLOW && !graph.begun) plateau += start * graph.law.effort_by_plateau(graph.level[s]);
        }
        *to.exponent.at(row, group) = got.exponent;
        *to.plateau.at(row, group) = plateau;
        *to.goal.at(row, group) = got.goal * graph.law.effort_slope(level);
        double *strength = to.strength.at(row, group);
        std::fill_n(strength, solver.batch.strengths(), 0.0);
        for (size_t f = 0; f < got.strength.size(); f++) strength[graph.strength_at[f]] = got.strength[f];
    }
};
