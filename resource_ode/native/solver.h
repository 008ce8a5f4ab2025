// From a row to its solved cascade: how far, on which panels, and how often anew until the error is small enough.

template <class Law>
class Solver {
  public:
    static constexpr double WINDOWS = -1.0;
    const Batch &batch;
    const Options &options;
    const Rule &rule;
    Graph<Law> graph;
    // of the last solve: its estimated error, the goal of its efforts if it has one, the errors of its groups, and whether all are within the tolerance
    double error = 0.0, goal = 0.0;
    std::vector<double> errors;
    bool enough = false;
    // how much more accurate than the row asks for
    double stricter = 1.0;

    Solver(const Batch &batch, const Options &options, const Rule &rule)
        : batch(batch), options(options), rule(rule), stride(options.coarse_panels + LANES), solved(batch.skills, LANES) {
        for (Numbers *each : {&coarse, &along, &measure}) each->reserve(stride);
        exposure.reserve(batch.skills * stride);
        coarse_gates.reserve(batch.skills * COARSE_NODES * options.coarse_panels);
        // a graph of very many skills has fewer panels, since it has to fit into memory
        const double each = static_cast<double>(batch.skills) * (2 * NODES + 4) * sizeof(double);
        const auto fitting = static_cast<int64_t>(MOST_BYTES / each) / LANES * LANES;
        most_panels = std::min(std::max(fitting, 4 * LANES), options.most_panels);
    }

    // For all clocks of a row, none of which passes `last`, but for those without waste: `endless` is as in
    // `Trajectories`. None if there is nothing to solve.
    const Cascade<Law> *for_clocks(int64_t row, double last, double endless) {
        if (!read_for_clocks(row, last, endless)) return nullptr;
        place_coarse(std::max(last * (1 + by.margin), 1e6 * TINY));
        place_first(options.coarse_panels);
        const auto of_levels = [](const Cascade<Law> &, double of_level) { return of_level; };
        return finest(row, true, 0.0, 1.0, of_levels, [](const Cascade<Law> &) { return false; });
    }

    // Reads a row, and how far its clocks go: `last` becomes that. False if there is nothing to solve.
    bool read_for_clocks(int64_t row, double &last, double endless) {
        read(row);
        if (!begin(0.0)) return false;
        if (Law::HAS_END) last = until_all_over(last);
        if (endless > 0) last = Law::HAS_END ? std::max(last, end_of(endless)) : std::min(last, end_of(endless));
        return begin(last);
    }

    // Up to where each skill is at a level: its effort then is `goal`.
    const Cascade<Law> *for_times(int64_t row, double level, bool with_demand) {
        return read_for_times(row, level) ? for_effort(row, goal, with_demand) : nullptr;
    }

    bool read_for_times(int64_t row, double level) {
        read(row), goal = graph.law.effort_at(level);
        return begin(goal);
    }

    // Up to where each skill's effort is at `effort`; the graph has been read.
    const Cascade<Law> *for_effort(int64_t row, double effort, bool with_demand) {
        goal = effort;
        if (!begin(goal)) return nullptr;
        const double ratio = graph.largest_exponent / graph.exponent;
        const double last = reach(goal * ratio);
        place_coarse(std::max(last * (1 + by.margin), by.shortest / graph.fastest));
        // one panel more than seems needed: the solve is coarse
        int64_t until = 1;
        for (int64_t s : graph.order) {
            const double wanted = graph.wanted(s, goal * ratio);
            while (until < options.coarse_panels && exposure[s * stride + until - 1] < wanted) until++;
        }
        place_first(until, Law::HAS_END ? 1.0 : by.more_doubt);
        double soonest = INFINITY;
        for (int64_t s : graph.order) {
            const double wanted = graph.wanted(s, goal * ratio);
            if (wanted > 0) soonest = std::min(soonest, wanted);
        }
        const auto of_times = [&](const Cascade<Law> &own, double of_level) {
            return std::isnan(of_level) ? of_level : timing.of(graph, by, own, solved.opening, goal, with_demand);
        };
        const double least = (std::isfinite(soonest) ? soonest : 1 / graph.quickest) / 10;
        return finest(row, with_demand, least, 0.0, of_times, [&](const Cascade<Law> &cascade) {
            for (int64_t s : graph.order) {
                const double wanted = graph.wanted(s, goal * ratio);
                if (cascade.at_edges[s * cascade.stride + cascade.panels] < wanted * by.reached) return true;
            }
            return false;
        });
    }

    // On the panels of an earlier solve, as `keep` has left them; none if it could not.
    const Cascade<Law> *on_edges(int64_t row, const double *edges) {
        graph.read(batch, row);
        if (!graph.sound || !(edges[0] > 0)) return nullptr;
        solved.resize(static_cast<int64_t>(edges[0]));
        solved.edges[0] = 0.0;
        for (int64_t p = 1; p <= solved.panels; p++) solved.edges[p] = edges[p];
        solved.template solve<false>(graph, rule, graph.squared);
        return settled();
    }

    // The demand of the solved cascade, which rows with several groups are solved without.
    void look_at_demand() { solved.template solve<false>(graph, rule, true); }

    // The solved cascade with its edges moved to where the kinks are: what jumps there has a derivative of the first order
    // in how far they are apart.
    const Cascade<Law> *settled() {
        const auto kinked = [&](int64_t s) { return graph.paces[s].paced || (graph.either[s] && graph.count(s) > 1); };
        if (!std::any_of(graph.order.begin(), graph.order.end(), kinked)) return &solved;
        solved.solve(graph, rule, false);
        for (const Kink &kink : solved.kinks) {
            double *const edges = solved.edges, *const last = edges + solved.panels;
            double *above = std::upper_bound(edges + 1, last, kink.place);
            double *nearest = above > edges + 1 && kink.place - above[-1] < *above - kink.place ? above - 1 : above;
            const double room = std::min(*nearest - nearest[-1], nearest < last ? nearest[1] - *nearest : 0.0);
            if (std::abs(*nearest - kink.place) < room / 4) *nearest = kink.place;
        }
        solved.template solve<false>(graph, rule, graph.squared);
        return &solved;
    }

    // Panels of the solve for its derivatives; `WINDOWS` in place of their number if it went by windows.
    void keep(const Kept &panels, int64_t row, bool windows) const {
        if (!panels.kept) return;
        double *edges = panels.edges.at(row);
        if (windows) {
            std::fill_n(edges, panels.kept + 1, 0.0), edges[0] = WINDOWS;
            return;
        }
        const bool fits = graph.sound && solved.panels <= panels.kept;
        edges[0] = fits ? static_cast<double>(solved.panels) : 0.0;
        for (int64_t p = 1; p <= panels.kept; p++) edges[p] = fits && p <= solved.panels ? solved.edges[p] : 0.0;
    }

    // The cascade of the row with another of its gate exponents.
    const Cascade<Law> *at_exponent(double own, bool with_demand) {
        if (batch.groups == 1) return &solved;
        Cascade<Law> &found = another();
        found.at_exponent(graph, rule, solved, own / graph.exponent, with_demand);
        return &found;
    }

  private:
    static constexpr double MOST_BYTES = 2.5e9;
    // below it there is only rounding
    static constexpr double LEAST_TOLERANCE = 1e-12;
    // places that kinks may have beside the panels, and solves on top of the attempts, to come nearer to them
    static constexpr int64_t MOST_KINKS = 192, MORE_ATTEMPTS = 3;

    const Constants &by = *rule.constants;
    const int64_t stride;
    int64_t most_panels;
    Cascade<Law> solved;
    std::unique_ptr<Cascade<Law>> other;
    Numbers coarse, along, measure, exposure, coarse_gates;
    std::vector<double> finer, edges, begins, slows;
    RelativeError<Law> timing;

    void read(int64_t row) {
        graph.read(batch, row);
        graph.tolerance = std::max(graph.tolerance / stricter, std::min(graph.tolerance, LEAST_TOLERANCE));
    }

    bool begin(double range) {
        enough = graph.sound && std::isfinite(range);
        error = enough ? 0.0 : NAN;
        errors.assign(static_cast<size_t>(batch.groups), error);
        return enough;
    }

    void place_coarse(double last) {
        logarithmic_edges(1 / graph.quickest, last, options.coarse_panels, coarse, along);
        coarse_solve(graph, rule, coarse, options.coarse_panels, coarse_gates, exposure, stride);
    }

    // The edges of the first solve, up to one of the coarse ones.
    void place_first(int64_t until, double more = 1.0) {
        if (graph.squared) more *= by.more_root;
        const int64_t usual = std::min(panels_at(options, graph.tolerance, more), most_panels);
        solved.resize(panels_for(graph, by, exposure, stride, until, usual, most_panels));
        even_edges(graph, by, coarse, along, exposure, stride, until, solved.panels, measure, solved.edges);
    }

    Cascade<Law> &another() {
        if (!other) other = std::make_unique<Cascade<Law>>(batch.skills, solved.panels);
        other->resize(solved.panels);
        return *other;
    }

    // Solves with more and more panels until the error is within the tolerance; the first on the edges in `solved`.
    // Exposures below `least` decide nothing; `judge` makes the error that counts from that of the levels, and jumps of
    // demand are `jumps` of it.
    template <class Judge, class Outside>
    const Cascade<Law> *finest(int64_t row, bool with_demand, double least, double jumps, const Judge &judge,
                               const Outside &outside) {
        int64_t base = solved.panels, attempts = options.attempts;
        bool kinked = false;
        for (int64_t attempt = 1;; attempt++) {
            error = solve_exponents(row, with_demand, least, judge);
            const bool beyond = outside(solved);
            enough = error <= graph.tolerance && !beyond;
            const bool more_kinks = !solved.kinks.empty() && !kinked;
            if (more_kinks) kinked = true, attempts += MORE_ATTEMPTS;
            const bool finest_yet = base >= most_panels && !beyond && !kinked;
            if (enough || finest_yet || attempt == attempts) {
                if (beyond) error = INFINITY, errors.assign(errors.size(), INFINITY);
                return &solved;
            }
            if (beyond) {
                // the range was an estimate: go on further
                solved.edges[solved.panels] *= 10;
                solved.panel_error[solved.panels - 1] += 1;
            }
            explain();
            // what kinks without an edge add to the error says nothing of the other panels
            const double smooth = error - (jumps * solved.jumps + solved.bends);
            if (attempt + 1 == attempts) base = most_panels;
            else if (!more_kinks) base = more_panels(solved.panels, smooth);
            finer.resize(static_cast<size_t>(base + 1));
            refine_edges(solved.edges, solved.panel_error, solved.panels, base, finer.data());
            if (kinked) {
                const int64_t most = base + MOST_KINKS;
                const int64_t panels = with_kinks(finer.data(), base, solved.kinks, graph.quickest, most, edges);
                finer.swap(edges);
                solved.resize(panels);
            } else {
                solved.resize(base);
            }
            std::copy_n(finer.begin(), solved.panels + 1, &solved.edges[0]);
        }
    }

    // Where no panel explains the error, more of them go to where gates have been wrong from early on.
    void explain() {
        double total = 0.0;
        for (int64_t p = 0; p < solved.panels; p++) total += solved.panel_error[p];
        if (error <= by.unexplained * total) return;
        for (int64_t p = 0; p < solved.panels; p++)
            solved.panel_error[p] = std::max(solved.panel_error[p], solved.blurs[p]);
    }

    // Inside a panel the interpolant's error falls with about the ninth power of the width. A fifth more to be safe; a
    // very wrong estimate is left to the attempts to come.
    int64_t more_panels(int64_t panels, double worst) const {
        const double missing = worst / graph.tolerance;
        double growth = 1.2 * std::pow(missing, 1.0 / 9);
        growth = growth < 4 ? std::max(growth, 4.0 / 3) : 4.0;  // also of what is not a number
        const auto wanted = static_cast<int64_t>(growth * static_cast<double>(panels));
        return std::min((wanted + LANES - 1) / LANES * LANES, most_panels);
    }

    // A solve for all gate exponents of a graph: the worst of their errors.
    template <class Judge>
    double solve_exponents(int64_t row, bool with_demand, double least, const Judge &judge) {
        if (batch.groups == 1) return errors[0] = judge(solved, solved.solve(graph, rule, with_demand, least));
        solved.solve(graph, rule, false, least);
        Cascade<Law> &own = another();
        for (int64_t p = 0; p < own.panels; p++) own.panel_error[p] = 0.0;
        double worst = 0.0;
        for (int64_t e = 0; e < batch.groups; e++) {
            const double ratio = *batch.exponent.at(row, e) / graph.exponent;
            const double found = errors[static_cast<size_t>(e)] =
                judge(own, own.at_exponent(graph, rule, solved, ratio, with_demand));
            if (!(found <= worst)) worst = found;
        }
        for (int64_t p = 0; p < own.panels; p++) solved.panel_error[p] += own.panel_error[p];
        return worst;
    }

    // No range need go on when all is over: there the clock of what is wasted runs on its own (`ClockReader`).
    double until_all_over(double last) {
        const double goal = graph.all_over(by);
        double least = 0.0;
        for (int64_t s : graph.order) least = std::max(least, graph.paces[s].exposure_at(goal));
        // a range has a length, also where all is over when it begins
        return last > least ? std::min(last, std::max(reach(goal), 1 / graph.quickest)) : last;
    }

    // A resource time by which all that a run can learn with so much resource is learned. With mean squared error there
    // is nothing left to learn in the end; cross entropy goes on, and its roots alone bound it
    // (`trajectories.resource_range`).
    double end_of(double resource) {
        if (Law::HAS_END) return reach(graph.law.effort_of_depth(options.end_effort * graph.largest_exponent / graph.exponent));
        double roots = 0.0, last = 0.0;
        for (int64_t s : graph.order) roots += !graph.count(s);
        // the slowest root gains at most the mean margin, and by Cauchy-Schwarz "l2" learns sqrt(roots) times faster
        const double gained = resource / (graph.squared ? std::sqrt(roots) : roots);
        for (int64_t s : graph.order) {
            if (graph.count(s)) continue;
            const Pace &pace = graph.paces[s];
            const double most = 0.8 * std::log(HUGE_NUMBER);
            const double goal = graph.law.effort_of_progress(std::min(graph.law.progress(all(pace.start))[0] + gained, most));
            last = std::max(last, std::max(goal - pace.start, 0.0) / pace.slowest());
        }
        return last;
    }

    // `cascade.reach`: a resource time by which every skill's effort is at its goal.
    double reach(double goal) {
        const double huge = std::pow(HUGE_NUMBER, 0.8), root = std::sqrt(huge);
        begins.resize(static_cast<size_t>(2 * graph.skills)), slows.resize(static_cast<size_t>(2 * graph.skills));
        const double gate = saturation(graph.exponent);
        double latest = 0.0;
        for (int64_t s : graph.order) {
            const double wanted = std::max(goal - graph.paces[s].start, 0.0) / graph.paces[s].slowest();
            const int64_t count = graph.count(s);
            begins[2 * s] = begins[2 * s + 1] = 0.0, slows[2 * s] = slows[2 * s + 1] = 1.0;
            double best = count ? huge : wanted;
            for (int64_t line = 0; line < (count ? 2 : 0); line++) {
                const double many = static_cast<double>(graph.either[s] ? 1 : count);
                const double depth = line ? std::log(many + 1) / graph.exponent : 1.0;
                // the second depth is that at which a gate is open by all but one of its parts
                const double open = line ? many / (many + 1) : gate;
                const bool either = graph.either[s];
                bool others = false;
                for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) others = others || !graph.standing(graph.behind[f]);
                double from = either ? huge : 0.0, slow = 1.0;
                for (int64_t f = graph.begin[s]; f < graph.begin[s + 1]; f++) {
                    const int64_t b = graph.behind[f];
                    if (graph.standing(b)) {
                        // it is as open as it was
                        const double own = graph.open_by_standing(f);
                        if (!either) slow = std::min(slow / own, huge);
                        if (either && !others) from = 0.0, slow = std::min(std::max(slow, 1 / own), huge);
                        continue;
                    }
                    const Pace &pace = graph.paces[b];
                    const double missing = std::max(graph.law.effort_of_depth(depth) - pace.start, 0.0) / pace.slowest();
                    const double reached = std::min(begins[2 * b] + slows[2 * b] * missing,
                                                    begins[2 * b + 1] + slows[2 * b + 1] * missing);
                    from = either ? std::min(from, reached) : std::max(from, std::min(reached, huge));
                    const double own = graph.needs(f, all(open))[0];
                    slow = std::min(either ? std::max(slow, 1 / own) : slow / own, huge);
                }
                begins[2 * s + line] = from, slows[2 * s + line] = slow;
                best = std::min(best, from + slow * std::min(wanted, root));
            }
            if (!graph.standing(s)) latest = std::max(latest, std::min(best, huge));
        }
        return latest;
    }
};
