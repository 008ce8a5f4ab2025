// What is measured on a batch without storing what it is measured on: from learning times of several levels, and from
// integrals over resource time (`observables`).

// Mean overlap of each skill with the next in order of their beginnings (`order.domino_overlap`).
class Overlap {
  public:
    explicit Overlap(const std::vector<int64_t> &order) : order(order) { std::sort(this->order.begin(), this->order.end()); }

    double mean(const double *begin, const double *end) {
        const auto earlier = [&](int64_t a, int64_t b) {
            if (begin[a] != begin[b]) return begin[a] < begin[b];
            return end[a] != end[b] ? end[a] < end[b] : a < b;
        };
        // clocks that follow each other have nearly the same order
        for (size_t k = 1; k < order.size(); k++) {
            const int64_t own = order[k];
            size_t at = k;
            for (; at > 0 && earlier(own, order[at - 1]); at--) order[at] = order[at - 1];
            order[at] = own;
        }
        double total = 0.0, count = 0.0;
        for (size_t k = 0; k + 1 < order.size(); k++) {
            const int64_t own = order[k], next = order[k + 1];
            const double rise = end[own] - begin[own];
            const bool done = std::isfinite(end[own]) && std::isfinite(end[next]);
            if (done && rise > 0) total += (end[own] - begin[next]) / rise, count += 1;
        }
        return count > 0 ? total / count : NAN;
    }

  private:
    std::vector<int64_t> order;
};

// Progress that all skills of a row still have to make to a goal.
template <class Law>
double needed(const Graph<Law> &graph, double goal) {
    double total = 0.0;
    for (int64_t s : graph.order) {
        const double start = graph.paces[s].start;
        if (goal > start) total += (graph.law.progress(all(goal)) - graph.law.progress(all(start)))[0];
    }
    return total;
}

template <class Law>
bool measures(const Batch &batch, const Options &options, const Rule &rule, const Runner &run, const Measures &to) {
    struct Worker {
        Solver<Law> solver;
        TimesReader<Law> reader;
        Large<Law> large;
        // times of the clocks, at each level
        std::vector<double> found[3];
        Times<double> times[3];
        Worker(const Batch &batch, const Options &options, const Rule &rule)
            : solver(batch, options, rule), reader(solver), large(solver) {
            const auto numbers = static_cast<size_t>(batch.clocks * batch.skills);
            for (int64_t k = 0; k < 3; k++) {
                found[k].resize(numbers);
                times[k].found = View<double>::whole(found[k].data(), batch.skills, 1, 1, batch.clocks);
                times[k].found.by_row.assign(static_cast<size_t>(batch.rows), 0);
                times[k].found.by_group.assign(static_cast<size_t>(batch.groups), 0);
            }
        }
    };
    const bool with_demand = TimesReader<Law>::by_demand(batch);
    return run(batch.rows, SHARE, [&, with_demand]() -> Work {
        return [&, with_demand, worker = std::make_shared<Worker>(batch, options, rule)](int64_t row) {
            Solver<Law> &solver = worker->solver;
            const double *levels = to.levels.at(row);
            const bool once = to.horizon.data || to.efficiency.data, pairs = to.overlap.data != nullptr;
            double goals[3], highest = 0.0;
            for (int64_t k = 0; k < 3; k++)
                if (k ? pairs : once) highest = std::max(highest, levels[k]);
            const auto each_level = [&](const auto &read) {
                for (int64_t k = 0; k < 3; k++)
                    if (k ? pairs : once) read(k);
            };
            const auto by_windows = [&](Windows<Law> &windows, int64_t e) {
                bool served = true;
                double worst = 0.0;
                each_level([&](int64_t k) {
                    const double goal = solver.graph.law.effort_at(levels[k]);
                    served = served && windows.times(solver.graph, goal, row, e, worker->times[k]);
                    worst = std::max(worst, windows.error);
                });
                windows.error = worst;
                return served;
            };
            const Cascade<Law> *solved =
                worker->large.solve([&] { return solver.for_times(row, highest, with_demand); },
                                    [&] { return solver.read_for_times(row, highest); }, by_windows);
            for (int64_t k = 0; k < 3; k++) goals[k] = solver.graph.law.effort_at(levels[k]);
            Overlap overlap(solver.graph.order);
            const double wanted = needed(solver.graph, goals[0]);
            for (int64_t e = 0; e < batch.groups; e++) {
                *to.error.at(row, e) = solver.errors[static_cast<size_t>(e)];
                const bool by_block = solved && !worker->large.serves(e);
                if (by_block) {
                    const Cascade<Law> *own = with_demand ? solver.at_exponent(*batch.exponent.at(row, e), true) : solved;
                    each_level([&](int64_t k) { worker->reader.read(*solved, *own, goals[k], row, e, worker->times[k]); });
                }
                for (int64_t c = 0; c < batch.clocks; c++) {
                    const double rate = *batch.rate.at(row, e, c);
                    const bool there = by_block || worker->large.serves(e);
                    const bool sound = there && sound_clock(rate, *batch.waste.at(row, e, c));
                    *to.code.at(row, e, c) = code_of(within(solver, e), !sound);
                    const double *times = worker->times[0].found.at(0, 0, c);
                    double last = sound ? 0.0 : NAN;
                    if (once && sound)
                        for (int64_t s : solver.graph.order)
                            if (!(times[s] <= last)) last = times[s];  // NaN stays
                    if (to.horizon.data) *to.horizon.at(row, e, c) = last;
                    if (to.efficiency.data)
                        *to.efficiency.at(row, e, c) = std::isfinite(last) && last > 0 ? wanted / (rate * last)
                                                       : last > 0                      ? 0.0
                                                                                       : NAN;
                    if (pairs)
                        *to.overlap.at(row, e, c) = sound ? overlap.mean(worker->times[1].found.at(0, 0, c),
                                                                         worker->times[2].found.at(0, 0, c))
                                                          : NAN;
                }
            }
        };
    });
}

// Integrals over resource time of what the skills demand, on the panels of a cascade.
template <class Law>
class SpentReader {
  public:
    explicit SpentReader(const Batch &batch, const Options &options, const Rule &rule)
        : batch(batch), options(options), rule(rule), solver(batch, options, rule), finer(batch.skills, LANES) {}

    void read(int64_t row, const Spent &to) {
        const Graph<Law> &graph = solver.graph;
        const double tolerance = *batch.tolerance.at(row);
        solver.graph.read(batch, row);
        const double level = *to.level.at(row);
        const bool whole = level >= 1.0;
        double goal = graph.law.effort_at(level);
        if (whole) {
            // of what is to be learned so little is left that it does not count, whatever learns then
            double start = 0.0;
            for (int64_t s = 0; s < batch.skills; s++)
                if (batch.present.at(row)[s]) start = std::max(start, batch.level.at(row)[s]);
            const double more = -std::log(tolerance / 10);
            goal = graph.law.effort_at(start);
            goal = Law::GROWS ? graph.law.effort_of_depth(graph.law.depth(all(goal))[0] + more)
                              : goal + graph.law.effort_of_depth(more);
        }
        const Cascade<Law> *cascade = solver.for_effort(row, goal, true);
        double found[4] = {NAN, NAN, NAN, NAN}, error = NAN;
        for (int64_t attempt = 1; cascade; attempt++) {
            error = measure(*cascade, goal, whole, attempt == 1 ? solver.error : finer_error, found);
            if (error <= tolerance || attempt > ATTEMPTS || std::isnan(error) || cascade->panels >= options.most_panels)
                break;
            cascade = next(*cascade);
        }
        if (cascade && graph.order.empty()) error = NAN;
        *to.clock.at(row) = found[0], *to.learned.at(row) = found[1];
        *to.demand.at(row) = found[2], *to.squares.at(row) = found[3], *to.error.at(row) = error;
    }

  private:
    static constexpr int64_t ATTEMPTS = 3, MOST_KINKS = 192;
    static constexpr double ROUNDING = 16 * std::numeric_limits<double>::epsilon();
    const Batch &batch;
    const Options &options;
    const Rule &rule;
    Solver<Law> solver;
    Cascade<Law> finer;
    double finer_error = 0.0;
    Numbers demand, squares;
    std::vector<double> panel_error, edges, more;

    // The sum of all demands and of their squares at all nodes.
    void sum_up(const Cascade<Law> &cascade) {
        const Graph<Law> &graph = solver.graph;
        const int64_t panels = cascade.panels;
        demand.reserve(NODES * panels), squares.reserve(NODES * panels);
        for (int64_t n = 0; n < NODES * panels; n++) demand[n] = squares[n] = 0.0;
        double inner[NODES * LANES];
        for (int64_t s : graph.order) {
            const Pace pace = graph.paces[s];
            const double *x = cascade.at_edges + s * cascade.stride, *o = cascade.opening + s * NODES * panels;
            for (int64_t p = 0; p < panels && !graph.law.learned(pace.effort(x[p])); p += LANES) {
                Vector values[NODES];
                for (int64_t node = 0; node < NODES; node++) values[node] = load(o + node * panels + p);
                Folded(values).integrals(rule, load(cascade.half + p), inner, LANES);
                const Vector here = load(x + p);
                for (int64_t node = 0; node < NODES; node++) {
                    const int64_t n = node * panels + p;
                    const Vector exposure = here + load(inner + node * LANES);
                    const Vector part = values[node] * pace.pace(exposure) * graph.law.demand(pace.effort(exposure));
                    store(demand + n, load(demand + n) + part);
                    store(squares + n, load(squares + n) + part * part);
                }
            }
        }
        constexpr double LEAST = TINY / std::numeric_limits<double>::epsilon();
        for (int64_t n = 0; n < NODES * panels; n++) squares[n] = demand[n] > LEAST ? squares[n] / demand[n] : 0.0;
    }

    // Resource time, what is learned, and the two integrals until there; the estimated error as a share of what is learned.
    double measure(const Cascade<Law> &cascade, double goal, bool whole, double of_cascade, double (&found)[4]) {
        const Graph<Law> &graph = solver.graph;
        const int64_t panels = cascade.panels;
        sum_up(cascade);
        int64_t until = panels - 1;
        double weights[NODES], clock = cascade.edges[panels];
        for (int64_t node = 0; node < NODES; node++) weights[node] = cascade.half[until] * rule.weights[node];
        if (!whole) clock = find_last(cascade, goal, until, weights);
        panel_error.assign(static_cast<size_t>(panels), 0.0);
        double spent = 0.0, integral = 0.0, at_edges = 0.0, inside = 0.0;
        for (int64_t p = 0; p < panels; p += LANES) {
            Vector at_edge[2], within[2], values[NODES];
            for (int64_t k = 0; k < 2; k++) {
                for (int64_t node = 0; node < NODES; node++)
                    values[node] = load((k ? squares : demand) + node * panels + p);
                const Folded folded(values);
                folded.missed(rule, load(cascade.half + p), at_edge[k], within[k]);
                const Vector own = load(cascade.half + p) * dot(rule.weights, folded.sums);
                for (int64_t lane = 0; lane < LANES; lane++)
                    if (p + lane < until + (whole ? 1 : 0)) (k ? integral : spent) += own[lane];
            }
            for (int64_t lane = 0; lane < LANES; lane++) {
                const double edge = at_edge[0][lane] + at_edge[1][lane], in = within[0][lane] + within[1][lane];
                at_edges += edge;
                if (p + lane == until) inside = in;
                panel_error[static_cast<size_t>(p + lane)] = edge + in;
            }
        }
        for (int64_t node = 0; node < NODES && !whole; node++) {
            spent += weights[node] * demand[node * panels + until];
            integral += weights[node] * squares[node * panels + until];
        }
        double learned = 0.0, left = 0.0;
        for (int64_t s : graph.order) {
            const Pace &pace = graph.paces[s];
            double x = cascade.at_edges[s * cascade.stride + (whole ? panels : until)];
            for (int64_t node = 0; node < NODES && !whole; node++)
                x += weights[node] * cascade.opening[(s * NODES + node) * panels + until];
            const Vector effort = pace.effort(all(std::max(x, 0.0)));
            learned += (graph.law.progress(effort) - graph.law.progress(all(pace.start)))[0];
            if (whole) left += graph.law.demand(effort)[0];
        }
        // nothing is learned where every skill starts at the level
        if (!(clock > 0)) spent = integral = learned = 0.0;
        found[0] = clock, found[1] = learned, found[2] = spent, found[3] = integral;
        const double scale = learned > 0 ? learned : 1.0;
        for (int64_t p = 0; p < panels; p++)
            panel_error[static_cast<size_t>(p)] = panel_error[static_cast<size_t>(p)] / scale + cascade.panel_error[p];
        if (std::isnan(learned)) return NAN;
        if (!(learned > 0)) return 0.0;
        return (at_edges + inside + std::abs(spent - learned) + left) / scale + of_cascade + ROUNDING;
    }

    // Where the last skill reaches the goal: the panel, weights of its nodes up to there, and the resource time.
    double find_last(const Cascade<Law> &cascade, double goal, int64_t &panel, double (&weights)[NODES]) {
        const std::vector<int64_t> &order = solver.graph.order;
        const auto count = static_cast<int64_t>(order.size());
        double clock = -1.0;
        Reached<Law> at;
        for (int64_t k = 0; k < count; k += 2 * LANES) {
            int64_t of[2 * LANES];
            double goals[2 * LANES];
            for (int64_t i = 0; i < 2 * LANES; i++) {
                of[i] = order[static_cast<size_t>(std::min(k + i, count - 1))];
                goals[i] = solver.graph.paces[of[i]].exposure_at(goal);
            }
            at.find(rule, cascade, of, goals);
            for (int64_t i = 0; i < 2 * LANES; i++) {
                if (!(at.clock[i] > clock)) continue;
                clock = at.clock[i], panel = at.panel[i];
                for (int64_t node = 0; node < NODES; node++) weights[node] = at.weights[i / LANES][node][i % LANES];
            }
        }
        return clock;
    }

    // A cascade on twice the panels, where the error of the last one is.
    const Cascade<Law> *next(const Cascade<Law> &last) {
        const int64_t panels = std::min(2 * last.panels, options.most_panels);
        edges.resize(static_cast<size_t>(panels + 1));
        refine_edges(last.edges, panel_error.data(), last.panels, panels, edges.data());
        int64_t all_of_them = panels;
        if (!last.kinks.empty()) {
            std::vector<Kink> kinks = last.kinks;
            all_of_them = with_kinks(edges.data(), panels, kinks, solver.graph.quickest, panels + MOST_KINKS, more);
            edges.swap(more);
        }
        finer.resize(all_of_them);
        std::copy_n(edges.begin(), all_of_them + 1, &finer.edges[0]);
        finer_error = finer.solve(solver.graph, rule, true, 0.0);
        return &finer;
    }
};

template <class Law>
bool spent(const Batch &batch, const Options &options, const Rule &rule, const Runner &run, const Spent &to) {
    return run(batch.rows, SHARE, [&]() -> Work {
        return [&, reader = std::make_shared<SpentReader<Law>>(batch, options, rule)](int64_t row) {
            reader->read(row, to);
        };
    });
}
