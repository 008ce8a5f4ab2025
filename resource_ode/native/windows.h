// One graph of many skills: resource time in windows of a few panels each, one after the other, so that memory does not
// grow with the length of a run, and a skill costs something only while it is on its way.

template <class Law>
class Windows {
  public:
    // of the last run: its estimated error, infinite if it came to no end
    double error = 0.0;

    Windows(const Batch &batch, const Rule &rule) : batch(batch), rule(rule), cascade(batch.skills, LANES) {
        cascade.since = &since;
    }

    // All clocks of a row and one of its gate exponents, none of which passes `last`, but for those without waste; and
    // their codes. False if there is no run within the tolerance.
    template <class Out>
    bool trajectories(const Graph<Law> &graph, double last, int64_t row, int64_t group, const Trajectories<Out> &to) {
        std::vector<Run> runs;
        for (int64_t c = 0; c < batch.clocks; c++)
            runs.push_back({*batch.rate.at(row, group, c), *batch.waste.at(row, group, c), to.ts.at(row, group, c)});
        const auto sound = [](const Run &run) { return sound_clock(run.rate, run.waste); };
        const int64_t times = to.times;
        last = std::max(last * (graph.exponent / *batch.exponent.at(row, group)) * (1 + rule.constants->margin), 1e6 * TINY);
        const auto start = [&] {
            for (Run &run : runs) run.at = 0, run.paid = run.latest = 0.0, run.lost = !sound(run);
        };
        const auto judge = [&](double of_levels) {
            // what may be wrong grows with what is spent
            double before = 1.0, after = 1.0;
            for (const Run &run : runs) {
                if (run.lost || run.at == times || !(run.ts[times - 1] > 0)) continue;
                const double whole_run = run.rate * run.ts[times - 1], here = cascade.spent[cascade.panels] + run.waste * width();
                before = std::min(before, run.paid / whole_run), after = std::min(after, (run.paid + here) / whole_run);
            }
            return Verdict{of_levels, 0.3 + 0.6 * after, after - before};
        };
        const auto take = [&] {
            bool over = true;
            for (int64_t c = 0; c < batch.clocks; c++) {
                Run &run = runs[static_cast<size_t>(c)];
                if (run.lost) continue;
                integrate(run.waste);
                Out *state = to.state.at(row, group, c), *clock = to.clock.at(row, group, c);
                Out *spent_there = batch.squared ? to.spent.at(row, group, c) : nullptr;
                const bool ends = Law::HAS_END || run.waste == 0;
                for (int64_t p = 0; p < cascade.panels; p++) {
                    const bool rest = p == cascade.panels - 1 && end() >= last && !ends;
                    for (; run.at < times && (rest || run.rate * run.ts[run.at] < run.paid + spent[p + 1]); run.at++)
                        put(p, run, state, clock, spent_there);
                }
                run.paid += spent[cascade.panels];
                over = over && run.at == times;
            }
            return !over && end() < last;
        };
        if (!march(graph, row, group, last, start, judge, take)) return false;
        for (int64_t c = 0; c < batch.clocks; c++) {
            Run &run = runs[static_cast<size_t>(c)];
            Out *state = to.state.at(row, group, c), *clock = to.clock.at(row, group, c);
            Out *spent_there = batch.squared ? to.spent.at(row, group, c) : nullptr;
            for (; run.at < times && !run.lost; run.at++) put_beyond(run, state, clock, spent_there);
            run.lost = run.lost || !(run.latest <= static_cast<double>(std::numeric_limits<Out>::max()));
            if (run.lost) {
                std::fill_n(state, times * whole.skills, static_cast<Out>(NAN)), std::fill_n(clock, times, static_cast<Out>(NAN));
                if (spent_there) std::fill_n(spent_there, times, static_cast<Out>(NAN));
            }
            const double off = run.lost ? 0.0 : rounded(whole, state, times);
            *to.code.at(row, group, c) = code_of(error + off <= whole.tolerance, run.lost);
        }
        return true;
    }

    // Learning times of all clocks of a row and one of its gate exponents, and codes if they are wanted.
    template <class Out>
    bool times(const Graph<Law> &graph, double goal, int64_t row, int64_t group, const Times<Out> &to) {
        std::vector<double> paid, wanted(static_cast<size_t>(graph.skills), 0.0);
        int64_t missing = 0;
        const auto start = [&] {
            missing = 0, entered = 0.0, paid.assign(static_cast<size_t>(batch.clocks), 0.0);
            for (int64_t c = 0; c < batch.clocks; c++)
                std::fill_n(to.found.at(row, group, c), graph.skills, static_cast<Out>(NAN));
            for (int64_t s : graph.order) {
                wanted[s] = graph.wanted(s, goal), missing += wanted[s] > 0;
                for (int64_t c = 0; c < batch.clocks && !(wanted[s] > 0); c++) to.found.at(row, group, c)[s] = 0;
            }
        };
        const auto judge = [&](double of_levels) {
            const double found = std::isnan(of_levels) ? of_levels : relative_error(wanted);
            return Verdict{found, 0.6, width() / end()};
        };
        std::vector<int64_t> reached;
        const auto take = [&] {
            reached.clear();
            for (int64_t s : now.order)
                if (computed(s) && wanted[s] > since.exposure[s] && wanted[s] <= end_of(s)) reached.push_back(s);
            missing -= static_cast<int64_t>(reached.size());
            for (int64_t c = 0; c < batch.clocks; c++) {
                integrate(*batch.waste.at(row, group, c));
                for (int64_t s : reached) {
                    const double total = paid[static_cast<size_t>(c)] + spent_at(s, wanted[s]);
                    to.found.at(row, group, c)[s] = static_cast<Out>(total / *batch.rate.at(row, group, c));
                }
                paid[static_cast<size_t>(c)] += spent[cascade.panels];
            }
            for (int64_t p = 0; p < cascade.panels; p++) entered = std::max(entered, cascade.moved[p]);
            return missing > 0;
        };
        if (!march(graph, row, group, INFINITY, start, judge, take) || missing > 0) return false;
        for (int64_t c = 0; c < batch.clocks; c++) {
            const bool sound = sound_clock(*batch.rate.at(row, group, c), *batch.waste.at(row, group, c));
            if (!sound) std::fill_n(to.found.at(row, group, c), graph.skills, static_cast<Out>(NAN));
            if (to.code.data) *to.code.at(row, group, c) = code_of(true, !sound);
        }
        return true;
    }

  private:
    // panels of a window, and places for kinks beside them; the most windows of a run of few skills, runs, of which the
    // later ones are less wrong, and how often a window is made narrower
    static constexpr int64_t PANELS = 32, MOST_KINKS = 192, MOST = 512, RUNS = 3, MOST_REFUSALS = 12;
    static constexpr double MOST_BYTES = 1e9;
    // 1 - e^-38 is 1
    static constexpr double OPENED = 38.0;

    // A clock: which of its times comes next, what has been spent up to the window, and the latest time that was read.
    struct Run {
        double rate, waste;
        const double *ts;
        int64_t at = 0;
        double paid = 0.0, latest = 0.0;
        bool lost = false;
    };
    // The error up to the end of a window, how large it should be there at most, and the window's part in the whole run:
    // the latter two as parts of the tolerance, and of 1.
    struct Verdict {
        double error, most, part;
    };

    const Batch &batch;
    const Rule &rule;
    Graph<Law> whole, now;  // and what of it is left in a window
    Since since;
    Cascade<Law> cascade;
    // gates that are open to rounding, and skills of which nothing is left to compute
    std::vector<uint8_t> through, done;
    Numbers spent, integrand;
    std::vector<double> edges, base;
    double entered = 0.0;  // the largest error that all levels had so far

    double end() const { return cascade.edges[cascade.panels]; }
    double width() const { return end() - cascade.edges[0]; }
    double end_of(int64_t s) const { return cascade.at_edges[s * cascade.stride + cascade.panels]; }
    bool computed(int64_t s) const { return since.state[s] != IDLE; }

    void begin(const Graph<Law> &graph, int64_t row, int64_t group) {
        whole = graph, whole.exponent = *batch.exponent.at(row, group);
        whole.quickest = whole.fastest * (whole.behind.empty() ? 1.0 : std::max(whole.exponent, 1.0));
        now = whole;
        const auto room = static_cast<size_t>(graph.skills);
        for (auto *each : {&since.exposure, &since.off, &since.wrong}) each->assign(room, 0.0);
        since.state.assign(room, OPEN), through.assign(room, 0), done.assign(room, 0);
        since.before = Cascade<Law>::left_to_learn(whole), since.begin = since.end = {};
    }

    // Marches up to `last`, or until `take`, which reads a window, wants no more. Where errors of early windows turn out
    // to be too large for late ones, all over again with smaller ones.
    template <class Start, class Judge, class Take>
    bool march(const Graph<Law> &graph, int64_t row, int64_t group, double last, const Start &start, const Judge &judge,
               const Take &take) {
        double strict = 1.0;
        for (int64_t run = 0; run < RUNS; run++, strict /= 30) {
            begin(graph, row, group), start();
            const bool ended = go(last, strict, judge, take);
            if (ended && error <= whole.tolerance) return true;
            if (std::isnan(error)) break;
        }
        error = std::isnan(error) ? error : INFINITY;
        return false;
    }

    // Each window is as wide as its error lets it be, and begins where the last one ends.
    template <class Judge, class Take>
    bool go(double last, double strict, const Judge &judge, const Take &take) {
        double from = 0.0, wide = 0.0, tried = 0.0, before = 0.0, refused = INFINITY;
        int64_t refusals = 0;
        // panels of the first window are even in log(1 + quickest * resource time)
        double step = 0.15;
        error = 0.0;
        for (int64_t window = 0; window < MOST + whole.skills / 16; window++) {
            if (narrow(); now.order.empty()) return true;
            place(from, wide, step, last);
            Verdict found = judge(cascade.solve(now, rule, true));
            const double allowed = strict * whole.tolerance;
            const auto room = [&] {
                return std::clamp(found.most * allowed - before, std::min(0.5 * found.part, 0.1) * allowed, 0.1 * allowed);
            };
            for (int64_t more = 0; more < 2 && !(found.error - before <= room()) && !cascade.kinks.empty(); more++) {
                add_kinks();
                found = judge(cascade.solve(now, rule, true));
            }
            if (std::isnan(found.error)) return error = NAN, false;
            const double most = room(), rise = found.error - before;
            const double factor = std::pow(most / std::max(rise, 1e-6 * most), 1.0 / 8);
            // what a narrower window does not mend comes from earlier ones
            const bool carried = found.error > refused * 0.8 && (found.error <= whole.tolerance || refusals > MOST_REFUSALS);
            if (rise > most && !carried) {
                if (!refusals++) tried = wide;
                refused = found.error;
                (from > 0 ? wide : step) *= std::clamp(0.9 * factor, 0.3, 0.9);
                continue;
            }
            const bool mended = rise <= most;
            refused = INFINITY, refusals = 0, before = std::max(before, found.error), error = before;
            if (error > whole.tolerance) return false;
            const bool more = take();
            wide = from > 0 ? mended ? wide * std::clamp(0.9 * factor, 0.5, 1.4) : tried
                            : cascade.edges[cascade.panels] - cascade.edges[cascade.panels - 1];
            from = end();
            advance();
            if (!more) return true;
        }
        return false;
    }

    void place(double from, double wide, double step, double last) {
        const double first = 1 / whole.quickest;
        double until = from > 0 ? from + wide * PANELS : first * std::expm1(step * PANELS);
        until = std::min(until, last);
        cascade.resize(PANELS);
        for (int64_t p = 0; p < PANELS; p++)
            cascade.edges[p] = from > 0 ? from + (until - from) / PANELS * static_cast<double>(p)
                                        : first * std::expm1(std::log1p(until / first) / PANELS * static_cast<double>(p));
        cascade.edges[PANELS] = until;
    }

    // Edges where something jumps or bends, as many as there is room for.
    void add_kinks() {
        const double each = static_cast<double>(batch.skills) * (2 * NODES + 4) * sizeof(double);
        const int64_t most = std::clamp<int64_t>(static_cast<int64_t>(MOST_BYTES / each), PANELS + LANES, PANELS + MOST_KINKS);
        base.assign(&cascade.edges[0], &cascade.edges[cascade.panels + 1]);
        const int64_t panels = with_kinks(base.data(), cascade.panels, cascade.kinks, whole.quickest, most / LANES * LANES, edges);
        cascade.resize(panels);
        std::copy(edges.begin(), edges.end(), &cascade.edges[0]);
    }

    // What is left of the graph: a gate that is open to rounding is 1, and of a skill that is through and waits for no
    // gate nothing is left to compute.
    void narrow() {
        now.order.clear(), now.behind.clear(), now.strength.clear();
        std::fill(now.needed.begin(), now.needed.end(), 0);
        for (int64_t s : whole.order) {
            const Pace &pace = whole.paces[s];
            const double effort = pace.effort(since.exposure[s]);
            through[s] = through[s] || (whole.law.learned(effort) && !(pace.paced && pace.turn > since.exposure[s]) &&
                                        whole.exponent * whole.law.depth(all(effort))[0] > OPENED);
        }
        for (int64_t s = 0; s < whole.skills; s++) {
            now.begin[s] = static_cast<int64_t>(now.behind.size());
            bool free = done[s];
            for (int64_t f = whole.begin[s]; f < whole.begin[s + 1] && whole.either[s]; f++)
                free = free || through[whole.behind[f]];
            for (int64_t f = whole.begin[s]; f < whole.begin[s + 1] && !free; f++) {
                const int64_t b = whole.behind[f];
                if (through[b]) continue;
                now.behind.push_back(b), now.needed[b] = 1;
                if (!whole.strength.empty()) now.strength.push_back(whole.strength[f]);
            }
        }
        now.begin[whole.skills] = static_cast<int64_t>(now.behind.size());
        for (int64_t s : whole.order) {
            done[s] = through[s] && !now.count(s);
            if (!done[s]) now.order.push_back(s);
        }
    }

    // To the end of the window.
    void advance() {
        for (int64_t s : whole.order) {
            if (done[s]) {
                since.exposure[s] += width();
            } else if (!computed(s)) {
                since.off[s] += NOTHING * width();
            } else {
                since.exposure[s] = end_of(s), since.off[s] = since.wrong[s];
            }
        }
        since.begin = since.end;
    }

    // Of the times at which exposures that are wanted are reached in the window, or soon (as `RelativeError`).
    double relative_error(const std::vector<double> &wanted) const {
        const int64_t panels = cascade.panels;
        const double doubt = Law::HAS_END ? 1.0 : rule.constants->doubt;
        double worst = 0.0;
        for (int64_t s : now.order) {
            if (!computed(s) || !(wanted[s] > since.exposure[s]) || end_of(s) < wanted[s] / 1000) continue;
            const int64_t p = cascade.panel_of(s, wanted[s]), before = std::max<int64_t>(p - 1, 0), next = std::min(p + 1, panels - 1);
            const double *x = cascade.at_edges + s * cascade.stride, *o = cascade.opening + s * NODES * panels;
            double open = std::max(o[p], (std::min(wanted[s], x[p + 1]) - x[p]) / (2 * cascade.half[p])), pace = 0.0, most = entered;
            if (p > 0) open = std::max(open, o[(NODES - 1) * panels + p - 1]);
            for (int64_t k = before; k <= next; k++)
                pace = std::max(pace, (cascade.spent[k + 1] - cascade.spent[k]) / (2 * cascade.half[k]));
            for (int64_t k = 0; k <= p; k++) most = std::max(most, cascade.moved[k]);
            const Pace &own = whole.paces[s];
            const double missed = doubt * cascade.off[s * panels + p] +
                                  ROUNDING * (std::max(wanted[s], x[p + 1]) + 2 * own.start / own.pace(all(wanted[s]))[0]);
            const double apart = missed / open;
            const double late = cascade.late[p] + most + cascade.moved[p] + cascade.jumps;
            // what has been spent by then at the least
            const double gained = whole.law.progress(all(own.effort(wanted[s])))[0] - whole.law.progress(all(own.start))[0];
            const double least = std::max(since.begin.integral + cascade.spent[p], gained);
            const double shifted = (pace * apart + late) / least + ROUNDING;
            const double found = std::max(shifted, std::min(apart / std::max(cascade.edges[p], TINY), missed / wanted[s]));
            if (!(found <= worst)) worst = found;
        }
        return whole.squared ? worst * std::sqrt(2.0) : worst;
    }

    // The integral of what is competed for, from the window's beginning.
    void integrate(double waste) {
        const int64_t panels = cascade.panels;
        spent.reserve(panels + LANES), integrand.reserve(NODES * panels);
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector values[NODES];
            for (int64_t node = 0; node < NODES; node++) {
                values[node] = denominator(whole.squared, load(cascade.demand + node * panels + p), waste);
                store(integrand + node * panels + p, values[node]);
            }
            store(spent + p + 1, load(cascade.half + p) * dot(rule.weights, values));
        }
        spent[0] = 0.0;
        for (int64_t p = 0; p < panels; p++) spent[p + 1] += spent[p];
    }

    // That where a skill's exposure is reached.
    double spent_at(int64_t s, double wanted) const {
        const int64_t panels = cascade.panels, p = cascade.panel_of(s, wanted);
        const double *x = cascade.at_edges + s * cascade.stride;
        Polynomial own;
        own.read(rule, cascade.opening + s * NODES * panels + p, panels, 0.0, cascade.half[p], x[p], x[p + 1]);
        double weights[NODES][LANES], total = spent[p];
        weigh(rule, all(invert(rule, own, wanted)), all(cascade.half[p]), weights);
        for (int64_t node = 0; node < NODES; node++) total += weights[node][0] * integrand[node * panels + p];
        return total;
    }

    // Exposures of all skills at the next time of a clock, which lies in a panel, and the resource time there.
    template <class Out>
    void put(int64_t p, Run &run, Out *state, Out *clock, Out *spent_there) const {
        const int64_t panels = cascade.panels;
        const double all_spent = run.rate * run.ts[run.at];
        Polynomial polynomial;
        polynomial.read(rule, integrand + p, panels, 0.0, cascade.half[p], spent[p], spent[p + 1]);
        const double place = invert(rule, polynomial, all_spent - run.paid);
        const bool begun = run.ts[run.at] > 0;
        const double tau = begun ? cascade.edges[p] + cascade.half[p] * (1 + place) : 0.0;
        double weights[NODES][LANES];
        weigh(rule, all(place), all(cascade.half[p]), weights);
        Out *row = state + run.at * whole.skills;
        std::fill_n(row, whole.skills, static_cast<Out>(NAN));
        for (int64_t s : whole.order) {
            double x = begun ? since.exposure[s] : 0.0;
            if (begun && done[s]) {
                x += tau - cascade.edges[0];
            } else if (begun && computed(s)) {
                const double *o = cascade.opening + s * NODES * panels + p;
                x = cascade.at_edges[s * cascade.stride + p];
                for (int64_t node = 0; node < NODES; node++) x += weights[node][0] * o[node * panels];
            }
            row[s] = static_cast<Out>(std::max(x, 0.0));
            if (!Law::HAS_END) run.latest = std::max(run.latest, whole.paces[s].effort(x));
        }
        clock[run.at] = static_cast<Out>(tau), run.latest = std::max(run.latest, tau);
        if (spent_there) spent_there[run.at] = static_cast<Out>(all_spent);
    }

    // The same when everything is learned: from then on the clock only wastes, or without waste is infinite.
    template <class Out>
    void put_beyond(Run &run, Out *state, Out *clock, Out *spent_there) const {
        const double all_spent = run.rate * run.ts[run.at], beyond = std::max(all_spent - run.paid, 0.0);
        const double more = run.waste > 0 ? beyond / run.waste : INFINITY;
        Out *row = state + run.at * whole.skills;
        std::fill_n(row, whole.skills, static_cast<Out>(NAN));
        for (int64_t s : whole.order) row[s] = static_cast<Out>(since.exposure[s] + more);
        clock[run.at] = static_cast<Out>(cascade.edges[cascade.panels] + more);
        if (run.waste > 0) run.latest = std::max(run.latest, cascade.edges[cascade.panels] + more);
        if (spent_there) spent_there[run.at] = static_cast<Out>(run.waste > 0 ? all_spent : run.paid);
    }
};
